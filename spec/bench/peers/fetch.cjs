// SPDX-License-Identifier: MIT
// fetch.cjs: the workloads of common.cjs with Node's own fetch and nothing
// else, the events cut out by hand, for one server's line ends only.

const { baseURL, messages, run } = require("./common.cjs");

async function post(path, body) {
  const response = await fetch(baseURL + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "bench", ...body }),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response;
}

async function* events(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const block of response.body) {
    const lines = (rest + decoder.decode(block, { stream: true })).split("\n\n");
    rest = lines.pop();
    for (const line of lines) yield line.slice("data: ".length);
  }
}

run({
  async *text() {
    for await (const data of events(await post("/chat/completions", { messages, stream: true }))) {
      if (data === "[DONE]") return;
      const text = JSON.parse(data).choices[0].delta.content;
      if (text !== undefined) yield text;
    }
  },

  async answer() {
    const completion = await (await post("/chat/completions", { messages })).json();
    return completion.choices[0].message.content;
  },

  async vectors(input) {
    const result = await (await post("/embeddings", { input, encoding_format: "base64" })).json();
    return result.data.map((item) => {
      const bytes = Buffer.from(item.embedding, "base64");
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    });
  },
});
