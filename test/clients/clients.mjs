// Each client does what its users do: a talk, a stream, a forced tool, a structured answer, embeddings. What a model says is not judged, only its form.
import assert from "node:assert/strict";

const url = process.argv[2], v1 = url + "/v1", apiKey = "any", model = "served";
const parameters = { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"], additionalProperties: false };
const tool = { type: "function", function: { name: "get_weather", description: "the weather of a city", parameters } };
const ask = [{ role: "user", content: "What is the weather in Paris?" }];
const results = [];

async function check(name, run) {
  const began = Date.now();
  try {
    await run();
    results.push(true);
    console.log(`pass  ${name}  ${Date.now() - began} ms`);
  } catch (fault) {
    const missing = fault.code === "ERR_MODULE_NOT_FOUND" || fault.code === "ERR_REQUIRE_ESM" || /requires? node/i.test(fault.message ?? "");
    results.push(missing ? null : false);
    console.log(`${missing ? "skip" : "FAIL"}  ${name}  ${String(fault.message ?? fault).split("\n")[0]}`);
  }
}

for (const [name, version] of [["openai4", "4"], ["openai", "6"], ["openai7", "7"]]) {
  await check(`npm openai ${version}`, async () => {
    const { default: OpenAI } = await import(name);
    const client = new OpenAI({ baseURL: v1, apiKey, maxRetries: 0 });
    const answer = await client.chat.completions.create({ model, messages: ask, max_tokens: 12, temperature: 0 });
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.ok(answer.choices[0].message.content.length > 0);
    let text = "", finish = null, usage = 0;
    for await (const part of await client.chat.completions.create({ model, messages: ask, max_tokens: 12, temperature: 0, stream: true, stream_options: { include_usage: true } })) {
      text += part.choices[0]?.delta.content ?? "";
      finish = part.choices[0]?.finish_reason ?? finish;
      usage += part.usage ? 1 : 0;
    }
    assert.equal(text, answer.choices[0].message.content);
    assert.ok(["stop", "length"].includes(finish));
    assert.equal(usage, 1);
    const called = await client.chat.completions.create({ model, messages: ask, tools: [tool], tool_choice: { type: "function", function: { name: "get_weather" } }, max_tokens: 60, temperature: 0 });
    assert.ok("city" in JSON.parse(called.choices[0].message.tool_calls[0].function.arguments));
    const helper = (client.beta?.chat?.completions ?? client.chat.completions).stream ?? client.chat.completions.stream;
    const stream = helper.call(client.beta?.chat?.completions ?? client.chat.completions, { model, messages: ask, tools: [tool], tool_choice: "required", max_tokens: 60, temperature: 0 });
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.name, "get_weather");
    const vectors = await client.embeddings.create({ model, input: ["one", "two"] });
    assert.ok(vectors.data[0].embedding.length > 10);
    if (client.responses) {
      const response = await client.responses.create({ model, input: "Say hello.", max_output_tokens: 8, temperature: 0 });
      assert.ok(response.output_text.length > 0);
    }
    await assert.rejects(client.chat.completions.create({ model, messages: [{ role: "nobody", content: "x" }] }), fault => fault.status === 400 && /role/.test(fault.message));
  });
}

await check("ai with @ai-sdk/openai and openai-compatible", async () => {
  const { generateText, streamText, tool: aiTool, jsonSchema, Output } = await import("ai");
  const { createOpenAI } = await import("@ai-sdk/openai");
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const openai = createOpenAI({ baseURL: v1, apiKey });
  const compatible = createOpenAICompatible({ name: "ink", baseURL: v1, apiKey, supportsStructuredOutputs: true, includeUsage: true });
  for (const which of [openai(model), openai.chat(model), compatible(model)]) {
    assert.ok((await generateText({ model: which, prompt: "Say hello.", maxOutputTokens: 8, temperature: 0 })).text.length > 0);
    let text = "";
    const stream = streamText({ model: which, prompt: "Say hello.", maxOutputTokens: 8, temperature: 0 });
    for await (const part of stream.textStream) text += part;
    assert.ok(text.length > 0);
    const called = await generateText({ model: which, prompt: "Weather in Paris?", tools: { get_weather: aiTool({ description: "weather", inputSchema: jsonSchema(parameters) }) }, toolChoice: "required", maxOutputTokens: 60, temperature: 0 });
    assert.equal(called.toolCalls[0].toolName, "get_weather");
    const made = await generateText({ model: which, prompt: "A city.", output: Output.object({ schema: jsonSchema(parameters) }), maxOutputTokens: 60, temperature: 0 });
    assert.ok("city" in made.output);
  }
});

await check("@langchain/openai: chat, structured, embeddings, agent", async () => {
  const { ChatOpenAI, OpenAIEmbeddings } = await import("@langchain/openai");
  const { tool: define } = await import("@langchain/core/tools");
  const chat = new ChatOpenAI({ model, apiKey, temperature: 0, maxTokens: 40, maxRetries: 0, configuration: { baseURL: v1 } });
  assert.ok((await chat.invoke("Say hello.")).content.length > 0);
  let text = "";
  for await (const part of await chat.stream("Say hello.")) text += part.content;
  assert.ok(text.length > 0);
  assert.ok("city" in (await chat.withStructuredOutput(parameters, { method: "jsonSchema", name: "place" }).invoke("A city.")));
  const weather = define(async () => "sunny", { name: "get_weather", description: "weather", schema: parameters });
  const called = await chat.bindTools([weather], { tool_choice: "get_weather" }).invoke("Weather in Paris?");
  assert.equal(called.tool_calls[0].name, "get_weather");
  const vectors = new OpenAIEmbeddings({ model, apiKey, maxRetries: 0, configuration: { baseURL: v1 } });
  assert.equal((await vectors.embedDocuments(["one", "two"])).length, 2);
  const { createAgent } = await import("langchain");
  const agent = createAgent({ model: chat, tools: [weather] });
  const talk = await agent.invoke({ messages: ask }, { recursionLimit: 6 });
  assert.ok(talk.messages.length >= 2);
});

await check("@openai/agents", async () => {
  const { Agent, Runner, OpenAIProvider, tool: define, setTracingDisabled } = await import("@openai/agents");
  setTracingDisabled(true);
  const { default: OpenAI } = await import("openai7").catch(() => import("openai"));
  for (const useResponses of [false, true]) {
    const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient: new OpenAI({ baseURL: v1, apiKey }), useResponses }) });
    let called = 0;
    const weather = define({ name: "get_weather", description: "weather", parameters, strict: true, execute: async () => { called++; return "sunny"; } });
    const agent = new Agent({ name: "a", instructions: "Help.", model, tools: [weather], modelSettings: { temperature: 0, maxTokens: 60, toolChoice: "required" }, toolUseBehavior: "stop_on_first_tool" });
    const result = await runner.run(agent, "Weather in Paris?", { maxTurns: 3 });
    assert.equal(called, 1);
    assert.ok(result.finalOutput.includes("sunny"));
  }
});

await check("llamaindex", async () => {
  const { OpenAI, OpenAIEmbedding } = await import("@llamaindex/openai");
  const llm = new OpenAI({ model, apiKey, baseURL: v1, maxTokens: 12, temperature: 0 });
  assert.ok((await llm.chat({ messages: ask })).message.content.length > 0);
  let text = "";
  for await (const part of await llm.chat({ messages: ask, stream: true })) text += part.delta;
  assert.ok(text.length > 0);
  assert.ok((await new OpenAIEmbedding({ model, apiKey, baseURL: v1 }).getTextEmbedding("one")).length > 10);
});

await check("@xsai/stream-text", async () => {
  const { streamText } = await import("@xsai/stream-text");
  const { textStream } = await streamText({ apiKey, baseURL: v1 + "/", model, messages: ask, maxTokens: 12, temperature: 0 });
  let text = "";
  for await (const part of textStream) text += part;
  assert.ok(text.length > 0);
});

await check("@anthropic-ai/sdk", async () => {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
  const answer = await client.messages.create({ model, max_tokens: 12, messages: ask, temperature: 0 });
  assert.ok(answer.content[0].text.length > 0);
  const stream = client.messages.stream({ model, max_tokens: 60, messages: ask, temperature: 0, tools: [{ name: "get_weather", input_schema: parameters }], tool_choice: { type: "tool", name: "get_weather" } });
  const final = await stream.finalMessage();
  assert.equal(final.stop_reason, "tool_use");
  assert.ok("city" in final.content.at(-1).input);
  assert.ok((await client.messages.countTokens({ model, messages: ask })).input_tokens > 0);
});

await check("ollama", async () => {
  const { Ollama } = await import("ollama");
  const client = new Ollama({ host: url });
  assert.ok((await client.chat({ model, messages: ask, options: { num_predict: 8, temperature: 0 } })).message.content.length > 0);
  let text = "";
  for await (const part of await client.chat({ model, messages: ask, stream: true, options: { num_predict: 8, temperature: 0 } })) text += part.message.content;
  assert.ok(text.length > 0);
  assert.ok("city" in JSON.parse((await client.generate({ model, prompt: "A city.", format: parameters, options: { temperature: 0, num_predict: 60 } })).response));
  assert.equal((await client.embed({ model, input: ["a", "b"] })).embeddings.length, 2);
  assert.ok((await client.list()).models.length > 0);
});

const failed = results.filter(r => r === false).length;
console.log(`${results.filter(r => r).length} pass, ${failed} fail, ${results.filter(r => r === null).length} skipped on node ${process.version}`);
process.exit(failed ? 1 : 0);
