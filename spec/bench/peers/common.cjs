// SPDX-License-Identifier: MIT
// MODE BASE_URL ARGUMENTS... [name=number...]: the workloads, for a client in
// Node that has `text()`, an async iterator of a stream's pieces, `answer()`,
// the text of a completion, and `vectors(inputs)`. What was seen is compared
// with the last arguments, as marea's own scripts do.

const [mode, baseURL, ...rest] = process.argv.slice(2);
const numbers = rest.filter((word) => !word.includes("=")).map(Number);

const messages = [
  { role: "system", content: "You answer in one short paragraph of plain text." },
  { role: "user", content: "What is the capital of Spain, and where does it lie?" },
];

const seen = {};

function add(name, n) {
  seen[name] = (seen[name] || 0) + n;
}

function addText(text) {
  add("pieces", 1);
  add("text_bytes", Buffer.byteLength(text));
}

async function stream(client) {
  for await (const text of client.text()) addText(text);
}

const modes = {
  stream,

  async many(client) {
    await Promise.all(Array.from({ length: numbers[0] }, () => stream(client)));
  },

  async small(client) {
    let left = numbers[0];
    const worker = async () => {
      while (left-- > 0) addText(await client.answer());
    };
    await Promise.all(Array.from({ length: numbers[1] }, worker));
  },

  async embed(client) {
    const inputs = Array.from({ length: numbers[1] }, (_, i) => `text ${i + 1}`);
    for (let i = 0; i < numbers[0]; i++) {
      for (const vector of await client.vectors(inputs)) {
        add("vectors", 1);
        add("floats", vector.length);
        add("sum", vector[0] + vector[vector.length - 1]);
      }
    }
  },

  async one(client) {
    addText(await client.answer());
  },
};

function check() {
  for (const word of rest.filter((w) => w.includes("="))) {
    const [name, wanted] = word.split("=");
    if (seen[name] === Number(wanted)) continue;
    console.error(`${name}: saw ${seen[name]}, expected ${wanted}`);
    process.exitCode = 1;
  }
}

async function run(client) {
  await modes[mode](client);
  console.log(JSON.stringify(seen));
  check();
}

module.exports = { baseURL, messages, run };
