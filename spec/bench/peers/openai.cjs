// SPDX-License-Identifier: MIT
// openai.cjs: the workloads of common.cjs with OpenAI's own SDK, used as its
// README says.

const OpenAI = require("openai");
const { baseURL, messages, run } = require("./common.cjs");

const client = new OpenAI({ baseURL, apiKey: "none" });

run({
  async *text() {
    const stream = await client.chat.completions.create({ model: "bench", stream: true, messages });
    for await (const chunk of stream) {
      const text = chunk.choices[0].delta.content;
      if (text !== undefined) yield text;
    }
  },

  async answer() {
    const completion = await client.chat.completions.create({ model: "bench", messages });
    return completion.choices[0].message.content;
  },

  async vectors(input) {
    const { data } = await client.embeddings.create({ model: "bench", input });
    return data.map((item) => item.embedding);
  },
});
