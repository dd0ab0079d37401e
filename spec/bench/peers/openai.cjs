// SPDX-License-Identifier: MIT
// openai.cjs BASE_URL [name=number...]: the firehose with OpenAI's own SDK.

const module_ = require("openai");
const OpenAI = module_.OpenAI || module_;

const seen = { pieces: 0, text_bytes: 0 };

function check() {
  for (const argument of process.argv.slice(3)) {
    const [name, wanted] = argument.split("=");
    if (seen[name] === Number(wanted)) continue;
    console.error(`${name}: saw ${seen[name]}, expected ${wanted}`);
    process.exitCode = 1;
  }
}

async function main() {
  const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none" });
  const stream = await client.chat.completions.create({
    model: "bench",
    stream: true,
    messages: [
      { role: "system", content: "You answer in one short paragraph of plain text." },
      { role: "user", content: "What is the capital of Spain, and where does it lie?" },
    ],
  });
  for await (const chunk of stream) {
    const text = chunk.choices[0].delta.content;
    if (text === undefined) continue;
    seen.pieces += 1;
    seen.text_bytes += Buffer.byteLength(text);
  }
  console.log(JSON.stringify(seen));
  check();
}

main();
