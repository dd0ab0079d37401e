---@meta
-- SPDX-License-Identifier: MIT
-- What goes over the wire and what comes back, for editors and for `make doc`:
-- nothing here runs. A provider's own parameters and fields are taken as well;
-- here are those that are common to most.

---- the client ---------------------------------------------------------------------

---@class marea.Timeout the clocks of a call, in seconds; false for none
---@field connect? number|false until connected (10)
---@field first_byte? number|false from the end of the upload to the first byte of the answer's body (120)
---@field idle? number|false between bytes (60)
---@field event? number|false between events that say something
---@field total? number|false over everything, retries and waiting included

---@class marea.LimitOptions calls wait their turn
---@field requests_per_minute? integer
---@field requests_per_second? integer
---@field concurrent? integer at once

---@class marea.Hooks functions that are told of requests; they see no secrets
---@field request? fun(request: { method: string, url: string, headers: string[], attempt: integer, provider: string? })
---@field response? fun(response: { method: string, url: string, status: integer, headers: table, seconds: number, provider: string? })
---@field retry? fun(retry: { error: marea.error, wait: number, attempt: integer })

---@class marea.ClientOptions what `marea.client` takes
---@field provider? string|marea.preset name of a preset, or a preset ("openai" unless `base_url` is given)
---@field api_key? string|fun(): string else the preset's environment variable
---@field auth? string the header the key goes in, where a provider takes several
---@field base_url? string where requests go; may carry a query
---@field model? string|table<string, string> where a call names none; one, or one for each kind: chat, embeddings...
---@field headers? table<string, string|false> added to every request; false removes one
---@field timeout? number|marea.Timeout a number is `total`
---@field max_retries? integer further tries after the first (2)
---@field limits? marea.LimitOptions
---@field proxy? string as in curl; "" for none, whatever the environment says
---@field ca_file? string certificates to trust, in place of the system's
---@field verify? boolean false: trust any server; only together with a `base_url`
---@field max_body_size? integer bytes of an answer read whole (256 MiB)
---@field max_event_size? integer bytes of one event of a stream (64 MiB)
---@field on? marea.Hooks

---@class marea.CallOptions how to send a call: its second table; a preset may add options of its own
---@field timeout? number|marea.Timeout
---@field headers? table<string, string|false> added to this request; false removes one
---@field max_retries? integer
---@field query? table added to the URL
---@field api_key? string|fun(): string
---@field to? string the file an answer that is bytes goes to
---@field stream? boolean an answer that is bytes comes as a stream of them
---@field max_tokens? integer the bound on what is generated, under the name the provider knows
---@field usage? boolean ask for the usage at the end of a stream
---@field reasoning? boolean|string switches reasoning on or off, or says how much (most presets)
---@field reasoning_exclude? boolean leaves reasoning out of the answer (nanogpt, openrouter)
---@field memory? boolean remembers the conversation there (nanogpt)
---@field online? boolean|string searches the web (nanogpt, openrouter)
---@field plan? "subscription"|"paid" the models a plan includes (nanogpt, of models:list)
---@field referer? string who asks (openrouter)
---@field title? string what asks (openrouter)
---@field route? string which provider answers (huggingface)
---@field api_version? string (github)
---@field [string] any

---@class marea.RequestParams what `client:request` takes
---@field path string under `base_url`
---@field method? string POST with a body, else GET
---@field body? string|table a table is sent as JSON
---@field form? table sent as multipart/form-data, in place of a body
---@field file? marea.FileSource sent as it is, in place of a body
---@field query? table
---@field stream? boolean

---@class marea.Client
---@field chat marea.Chat
---@field completions marea.Completions
---@field responses marea.Responses
---@field embeddings marea.Embeddings
---@field audio marea.Audio
---@field images marea.Images
---@field models marea.Models
---@field embedding_models marea.EmbeddingModels NanoGPT's
---@field limits marea.Limits with how many calls are `running` and how many `waiting`
---@field preset marea.preset what it knows of its provider

---- endpoints ------------------------------------------------------------------------

---@class marea.Chat
---@field completions marea.ChatCompletions

---@class marea.ChatCompletions
---@field create fun(self: marea.ChatCompletions, params: marea.ChatParams, options?: marea.CallOptions): (marea.Completion|marea.Stream|nil), marea.error? a completion; with `stream = true` a stream

---@class marea.Completions
---@field create fun(self: marea.Completions, params: marea.CompletionParams, options?: marea.CallOptions): (marea.Completion|marea.Stream|nil), marea.error? text that goes on from a prompt

---@class marea.Responses
---@field create fun(self: marea.Responses, params: marea.ResponsesParams, options?: marea.CallOptions): (marea.ResponseResult|marea.Stream|nil), marea.error? a response; with `stream = true` a stream

---@class marea.Embeddings
---@field create fun(self: marea.Embeddings, params: marea.EmbeddingsParams, options?: marea.CallOptions): marea.EmbeddingList?, marea.error? a vector for each input

---@class marea.Audio
---@field speech marea.Speech
---@field transcriptions marea.Transcriptions
---@field translations marea.Transcriptions

---@class marea.Speech
---@field create fun(self: marea.Speech, params: marea.SpeechParams, options?: marea.CallOptions): (marea.SpeechResult|marea.Stream|nil), marea.error? sound; with the option `to` in a file, with the option `stream` as it comes

---@class marea.Transcriptions
---@field create fun(self: marea.Transcriptions, params: marea.TranscriptionParams, options?: marea.CallOptions): (marea.Transcript|marea.Stream|nil), marea.error? what is said in a file

---@class marea.Images
---@field generate fun(self: marea.Images, params: marea.ImageParams, options?: marea.CallOptions): (marea.ImageList|marea.Stream|nil), marea.error? pictures of what is described
---@field edit fun(self: marea.Images, params: marea.ImageEditParams, options?: marea.CallOptions): (marea.ImageList|marea.Stream|nil), marea.error? a picture, changed
---@field create_variation fun(self: marea.Images, params: marea.ImageVariationParams, options?: marea.CallOptions): marea.ImageList?, marea.error? pictures like one

---@class marea.Models
---@field list fun(self: marea.Models, params?: table, options?: marea.CallOptions): marea.ModelList?, marea.error? parameters become the query
---@field retrieve fun(self: marea.Models, id: string, options?: marea.CallOptions): marea.Model?, marea.error? one model

---@class marea.EmbeddingModels
---@field list fun(self: marea.EmbeddingModels, params?: table, options?: marea.CallOptions): marea.ModelList?, marea.error? those that make vectors

---- messages -------------------------------------------------------------------------

---@alias marea.Role "system"|"developer"|"user"|"assistant"|"tool"

---@class marea.Message
---@field role marea.Role
---@field content? string|marea.Part[]|userdata null, or absent, beside tool calls
---@field name? string of who speaks
---@field tool_calls? marea.WireToolCall[] of an assistant
---@field tool_call_id? string of a tool: the call this is the result of
---@field refusal? string
---@field reasoning_content? string what some providers want back
---@field [string] any

---@class marea.Part one of several things a message holds: see marea.image and marea.audio
---@field type string text, image_url, input_audio, file
---@field text? string
---@field image_url? { url: string, detail: string? }
---@field input_audio? { data: string, format: string }
---@field file? table
---@field [string] any

---@class marea.WireToolCall as messages have it; a result's `tool_calls` are easier to read
---@field id string
---@field type "function"
---@field function { name: string, arguments: string }

---@class marea.WireTool what a model may call
---@field type "function"
---@field function { name: string, description: string?, parameters: table?, strict: boolean? }

---@class marea.ResponseFormat
---@field type "text"|"json_object"|"json_schema"
---@field json_schema? { name: string, schema: table, strict: boolean?, description: string? }

---@class marea.StreamOptions
---@field include_usage? boolean

---- parameters ---------------------------------------------------------------------------

---@class marea.Sampling
---@field model? string else the client's
---@field temperature? number
---@field top_p? number
---@field seed? integer
---@field stop? string|string[] where to stop
---@field n? integer how many choices (1)
---@field presence_penalty? number
---@field frequency_penalty? number
---@field logit_bias? table<string, number> by token
---@field max_tokens? integer the bound on what is generated; some providers call it max_completion_tokens
---@field user? string who asks, for the provider's own protection
---@field stream? boolean the answer comes as a stream
---@field stream_options? marea.StreamOptions
---@field [string] any a provider's own

---@class marea.ChatParams: marea.Sampling
---@field messages marea.Message[]
---@field max_completion_tokens? integer
---@field tools? marea.WireTool[]
---@field tool_choice? string|table auto, none, required, or { type = "function", ["function"] = { name = } }
---@field parallel_tool_calls? boolean
---@field response_format? marea.ResponseFormat
---@field logprobs? boolean
---@field top_logprobs? integer
---@field reasoning_effort? string minimal, low, medium, high
---@field verbosity? string low, medium, high
---@field modalities? string[] text, audio
---@field audio? { voice: string, format: string }
---@field prediction? table
---@field service_tier? string
---@field store? boolean
---@field metadata? table<string, string>
---@field top_k? integer
---@field min_p? number
---@field repetition_penalty? number
---@field web_search_options? table
---@field prompt_cache_key? string
---@field safety_identifier? string
---@field reasoning? table what the answer holds of it, or how much (nanogpt, openrouter)
---@field youtube_transcripts? boolean (nanogpt)
---@field scraping? boolean (nanogpt)
---@field options? table (saptiva)
---@field chat_template_kwargs? table such as { enable_thinking = false } (nan, helmcode, servers of vLLM and llama.cpp)
---@field use_beam_search? boolean this and what follows: gradientesur, servers of vLLM
---@field length_penalty? number
---@field stop_token_ids? integer[]
---@field include_stop_str_in_output? boolean
---@field ignore_eos? boolean
---@field min_tokens? integer
---@field skip_special_tokens? boolean
---@field spaces_between_special_tokens? boolean
---@field truncate_prompt_tokens? integer
---@field allowed_token_ids? integer[]
---@field prompt_logprobs? integer
---@field add_special_tokens? boolean
---@field guided_json? table|string
---@field guided_regex? string
---@field guided_choice? string[]
---@field guided_grammar? string
---@field guided_decoding_backend? string
---@field guided_whitespace_pattern? string
---@field priority? integer
---@field logits_processors? table[]
---@field return_tokens_as_token_ids? boolean

---@class marea.CompletionParams: marea.Sampling
---@field prompt string|string[]|integer[]
---@field suffix? string what comes after the text to be written
---@field echo? boolean
---@field best_of? integer
---@field logprobs? integer

---@class marea.ResponsesParams
---@field input string|table[] a text, or items
---@field model? string else the client's
---@field instructions? string
---@field previous_response_id? string goes on from there
---@field conversation? string|table
---@field tools? table[]
---@field tool_choice? string|table
---@field parallel_tool_calls? boolean
---@field max_tool_calls? integer
---@field max_output_tokens? integer
---@field temperature? number
---@field top_p? number
---@field reasoning? { effort: string?, summary: string? }
---@field text? { format: table?, verbosity: string? }
---@field truncation? string auto, disabled
---@field include? string[]
---@field metadata? table<string, string>
---@field store? boolean
---@field background? boolean
---@field service_tier? string
---@field prompt? table a stored prompt: id, version, variables
---@field prompt_cache_key? string
---@field safety_identifier? string
---@field top_logprobs? integer
---@field stream_options? table
---@field user? string
---@field stream? boolean the answer comes as a stream
---@field [string] any

---@class marea.EmbeddingsParams
---@field input string|string[]|integer[]|integer[][]
---@field model? string else the client's
---@field encoding_format? "float"|"base64" base64: each embedding is a marea.Vector
---@field dimensions? integer
---@field user? string
---@field [string] any

---@class marea.ImageSource what `marea.image` takes: one of path, data and url, and
---@field path? string
---@field data? string
---@field url? string http, https or data
---@field content_type? string else what the bytes or the name say
---@field detail? string low, high, auto

---@class marea.AudioSource what `marea.audio` takes: path or data, and
---@field path? string
---@field data? string
---@field format? string such as wav, mp3; else what the bytes or the name say

---@alias marea.FileSource string|{ path: string?, data: string?, filename: string?, content_type: string? }

---@class marea.SpeechParams
---@field input string
---@field voice? string
---@field model? string else the client's
---@field response_format? string mp3, opus, aac, flac, wav, pcm
---@field speed? number
---@field instructions? string how to say it
---@field stream? boolean it comes as a stream of bytes
---@field stream_format? string audio, sse
---@field [string] any

---@class marea.TranscriptionParams
---@field file marea.FileSource
---@field model? string else the client's
---@field language? string
---@field prompt? string
---@field response_format? string json, verbose_json, text, srt, vtt
---@field temperature? number
---@field timestamp_granularities? string[] word, segment
---@field include? string[]
---@field chunking_strategy? string|table
---@field stream? boolean the transcript comes as a stream
---@field [string] any

---@class marea.ImageParams
---@field prompt string
---@field model? string else the client's
---@field n? integer how many (1)
---@field size? string such as 1024x1024
---@field quality? string
---@field style? string
---@field background? string
---@field response_format? "url"|"b64_json"
---@field output_format? string png, jpeg, webp
---@field output_compression? integer
---@field moderation? string
---@field user? string
---@field stream? boolean
---@field partial_images? integer
---@field [string] any

---@class marea.ImageEditParams: marea.ImageParams
---@field image marea.FileSource|marea.FileSource[]
---@field mask? marea.FileSource
---@field input_fidelity? string

---@class marea.ImageVariationParams
---@field image marea.FileSource
---@field model? string else the client's
---@field n? integer how many (1)
---@field size? string
---@field response_format? "url"|"b64_json"
---@field user? string
---@field [string] any

---- results --------------------------------------------------------------------------------

---@class marea.ToolCall
---@field id string
---@field name string
---@field arguments? table decoded; nil where they are not JSON
---@field arguments_json string as they came

---@class marea.Completion: marea.Result
---@field id string
---@field object string
---@field created integer seconds since 1970
---@field model string
---@field choices marea.Choice[]
---@field usage? marea.WireUsage
---@field system_fingerprint? string
---@field service_tier? string
---@field [string] any

---@class marea.Choice
---@field index integer from 0
---@field message? marea.AnswerMessage of a chat completion
---@field text? string of a completion
---@field finish_reason string|userdata stop, length, tool_calls, content_filter; what others say is left as it is
---@field logprobs? table
---@field [string] any

---@class marea.AnswerMessage
---@field role string
---@field content string|table|userdata
---@field tool_calls? marea.WireToolCall[]
---@field refusal? string
---@field reasoning_content? string
---@field reasoning? string
---@field [string] any

---@class marea.WireUsage as the provider counts; marea.Usage is the same for all
---@field prompt_tokens? integer
---@field completion_tokens? integer
---@field total_tokens? integer
---@field input_tokens? integer of a response
---@field output_tokens? integer of a response
---@field prompt_tokens_details? table
---@field completion_tokens_details? table
---@field input_tokens_details? table
---@field output_tokens_details? table
---@field [string] any

---@class marea.ResponseResult: marea.Result
---@field id string
---@field object "response"
---@field created_at integer
---@field status string completed, incomplete, failed, in_progress
---@field model string
---@field output table[] items: messages, reasoning, calls
---@field usage? marea.WireUsage
---@field error? table
---@field incomplete_details? table
---@field [string] any

---@class marea.EmbeddingList: marea.Result
---@field object string
---@field data marea.Embedding[] in the order of the inputs
---@field model string
---@field usage? marea.WireUsage

---@class marea.Embedding
---@field object string
---@field index integer from 0
---@field embedding number[]|marea.Vector

---@class marea.Found what `marea.nearest` gives a list of, best first
---@field index integer in the list that was searched
---@field score number the cosine
---@field vector marea.Vector

---@class marea.SpeechResult: marea.Result
---@field data string? the sound; nil where it went to a file
---@field content_type string
---@field size integer bytes
---@field path string? the file it went to

---@class marea.Transcript: marea.Result
---@field text string
---@field language? string
---@field duration? number seconds
---@field segments? table[]
---@field words? table[]
---@field usage? table
---@field [string] any

---@class marea.ImageList: marea.Result
---@field created integer
---@field data { url: string?, b64_json: string?, revised_prompt: string? }[]
---@field usage? table

---@class marea.ModelList: marea.Result
---@field object string
---@field data marea.Model[]

---@class marea.Model
---@field id string
---@field object string
---@field created? integer
---@field owned_by? string
---@field [string] any

---- streams ------------------------------------------------------------------------------------

---@class marea.Chunk one piece of a stream, as on the wire
---@field id string
---@field object string
---@field created integer
---@field model string
---@field choices { index: integer, delta: table?, text: string?, finish_reason: string|userdata }[]
---@field usage? marea.WireUsage
---@field system_fingerprint? string
---@field service_tier? string
---@field [string] any of other endpoints, theirs

---@alias marea.Event marea.TextEvent|marea.ToolCallDelta|marea.ToolCallEvent|marea.FinishEvent|marea.UsageEvent

---@class marea.TextEvent a piece of text; of reasoning; of a refusal
---@field type "text"|"reasoning"|"refusal"
---@field text string
---@field index integer of the choice, from 0

---@class marea.ToolCallDelta a piece of a tool call
---@field type "tool_call.delta"
---@field index integer of the call, from 0
---@field choice integer the call is of, from 0
---@field id string
---@field name string
---@field arguments_json string a piece

---@class marea.ToolCallEvent a tool call that is whole
---@field type "tool_call"
---@field index integer of the call, from 0
---@field choice integer the call is of, from 0
---@field id string
---@field name string
---@field arguments? table decoded; nil where they are not JSON
---@field arguments_json string

---@class marea.FinishEvent why a choice ended
---@field type "finish"
---@field reason string stop, length, tool_calls, content_filter, error
---@field raw_reason any as the provider said it
---@field index integer of the choice, from 0

---@class marea.UsageEvent what it used
---@field type "usage"
---@field usage marea.WireUsage

---- agents --------------------------------------------------------------------------------------

---@class marea.UsageLimits the run stops when one is reached
---@field requests? integer model calls
---@field total_tokens? integer
---@field tool_calls? integer
---@field seconds? number

---@class marea.Guardrails lists of functions that return nothing, or the reason to stop
---@field input? function[] f(text, about)
---@field output? function[] f(text, about)
---@field tool? function[] f(call, context)

---@class marea.AgentHooks functions that are told of what an agent does
---@field step? fun(event: table)
---@field tool_start? fun(event: table)
---@field tool_end? fun(event: table)
---@field handoff? fun(event: table)
---@field pending? fun(event: table)
---@field done? fun(event: table)

---@class marea.AgentOptions what `marea.agent` takes
---@field client marea.Client
---@field name? string for handoffs, approval and events ("agent")
---@field description? string
---@field model? string
---@field instructions? string|fun(about: table): string a function is asked before each call
---@field tools? marea.Tool[]
---@field handoffs? marea.Agent[] whom the conversation may be handed to
---@field params? table parameters of every call
---@field call? marea.CallOptions how each call is sent
---@field output? string|table a schema for the answer
---@field output_mode? "json_schema"|"json_object"|"tool"|"prompt" how it is asked for
---@field output_retries? integer how often again where it doesn't fit (2)
---@field max_steps? integer model calls of a run (10)
---@field max_repeats? integer|false the same call in a row (3)
---@field parallel? integer|false how many tools run at once (8)
---@field tool_timeout? number|false seconds (120)
---@field usage_limits? marea.UsageLimits
---@field prices? marea.Prices
---@field guardrails? marea.Guardrails
---@field hooks? marea.AgentHooks
---@field repair? fun(call: table, problem: string): any returns better arguments
---@field context? fun(messages: table[], about: table): table[], string? what of the conversation is sent
---@field memory? table what else is recalled: anything with `query(text)`
---@field stop? function|table a condition: returns a reason, or nothing

---@class marea.VectorMemoryOptions what `marea.memory.vector` takes
---@field client marea.Client whose model makes the vectors
---@field model? string
---@field top_k? integer how many are recalled (4)
---@field min_score? number none below this likeness, from -1 to 1
---@field path? string a file it is kept in
---@field store? "sqlite"|"file" what a new file is (SQLite where its module is there)
---@field max? integer items it holds (100,000)
---@field params? table further parameters of each call, such as `dimensions`
---@field call? marea.CallOptions

---@class marea.TeamOptions what every team takes, beside its members in the list part
---@field [integer] marea.Agent|marea.Team|marea.UserProxy
---@field name? string ("team")
---@field description? string for handoffs and for those who pick
---@field policy? fun(turn: marea.TeamTurn): string|string[]|nil, string?, any of `marea.team.new`
---@field stop? marea.Stop|function when it has done enough
---@field max_turns? integer of a run (20)
---@field parallel? integer how many of those that speak at once do (all)
---@field usage_limits? marea.UsageLimits of a run, of all members together
---@field hooks? marea.TeamHooks
---@field prices? marea.Prices of the model that picks or leads

---@class marea.TeamHooks functions that are told of what a team does
---@field turn? fun(event: table)
---@field message? fun(event: table)
---@field handoff? fun(event: table)
---@field pending? fun(event: table)
---@field done? fun(event: table)

---@class marea.TeamRunOptions
---@field data? any handed to tools and policies
---@field max_turns? integer

---@class marea.TeamResumeOptions: marea.TeamRunOptions
---@field stream? boolean gives a stream in place of a result

---@class marea.SelectorOptions: marea.TeamOptions
---@field client? marea.Client whose model picks
---@field model? string
---@field call? marea.CallOptions
---@field pick? fun(messages: table[], names: string[]): string? who is next
---@field candidates? fun(messages: table[], names: string[]): string[] who may be
---@field repeats? boolean whether who spoke last may be next
---@field prompt? string in place of the instructions
---@field max_tries? integer how often a model is asked for one name (3)

---@class marea.GraphOptions: marea.TeamOptions
---@field nodes table<string, marea.Agent|marea.Team|marea.UserProxy>
---@field edges table[] each { from, to, when = f }, f(message, messages)
---@field start string|string[]
---@field join? table<string, "all"|"any">
---@field max_visits? integer of each node, in a run (10)

---@class marea.OrchestratorOptions: marea.TeamOptions
---@field client marea.Client whose model leads
---@field model? string
---@field call? marea.CallOptions
---@field max_stalls? integer steps that bring nothing until it plans anew (3)
---@field max_replans? integer (2)

---@class marea.UserProxyOptions
---@field ask fun(text: string, about: table): string?, string? what the person says, and who is next
---@field name? string ("user")
---@field description? string
---@field timeout? number seconds
---@field default? string what is said for the person once they are over

---@class marea.ToolOptions what `marea.tool` takes
---@field name string of at most 64 letters, digits, _ and -
---@field description? string
---@field parameters? table JSON Schema, or a map of short forms
---@field run fun(args: table, context: marea.ToolContext): any, any nil and a message where it fails
---@field approve? boolean|fun(args: table, context: marea.ToolContext): boolean must a person be asked?
---@field timeout? number|false seconds, in place of the agent's
---@field parallel? boolean false: never beside another call
---@field repeatable? boolean the same call again and again is in order
---@field max_result_size? integer bytes (100,000); what is more is cut

---@class marea.ConsoleOptions what is not said is found out
---@field out? table a file, or anything with `write` and `flush` (standard output)
---@field color? boolean
---@field spinner? boolean
---@field utf8? boolean
---@field width? integer columns
---@field reasoning? boolean false leaves it out
---@field sums? boolean false leaves them out

---@class marea.RunOptions
---@field data? any handed to tools and policies
---@field max_steps? integer
---@field usage_limits? marea.UsageLimits

---@class marea.ResumeOptions: marea.RunOptions
---@field stream? boolean gives a stream in place of a result

---@class marea.AsToolOptions of `agent:as_tool` and `team:as_tool`
---@field name? string else the agent's
---@field description? string else the agent's
---@field parallel? boolean false: never beside another call
---@field approve? boolean|fun(args: table, context: marea.ToolContext): boolean must a person be asked?

---@class marea.TokensOptions
---@field count fun(message: table): number in place of four bytes to a token

---@class marea.SummariseOptions what `marea.context.summarise` takes
---@field client marea.Client
---@field model? string
---@field above? integer tokens (8000): what is more is summarised
---@field keep? integer the last turns that are left as they are (4)
---@field prompt? string in place of the instructions
---@field count? fun(message: table): number

---@class marea.MemoryListOptions
---@field max? integer texts that are kept (100)

---@class marea.RegisterOptions of one type of agents, in place of the runtime's
---@field max_queue? integer messages an inbox holds
---@field idle? number|false seconds until one that is idle is let go of

---@class marea.RuntimeHooks
---@field unheard? fun(event: table) of what nobody hears
---@field failed? fun(failure: table) of what a subscriber raises

---@class marea.MapOptions
---@field concurrency? integer how many at once (all)

---@class marea.ChunkOptions
---@field size? integer bytes (1000)
---@field overlap? integer bytes (100)
---@field source? string what a piece is cited by

---@alias marea.AgentEvent marea.Event|marea.StepEvent|marea.ToolRunEvent|marea.HandoffEvent|marea.PartialEvent|marea.PendingEvent|marea.DoneEvent

---@class marea.StepEvent a model's message is whole
---@field type "step"
---@field step integer
---@field message marea.AnswerMessage
---@field finish_reason string
---@field usage? marea.WireUsage
---@field agent string at work

---@class marea.ToolRunEvent a tool begins, or has ended
---@field type "tool.start"|"tool.end"
---@field id string
---@field name string
---@field arguments? table
---@field result? string of an end: what the model is told
---@field failed? boolean of an end
---@field seconds? number of an end
---@field agent string at work

---@class marea.HandoffEvent the conversation is another agent's now
---@field type "handoff"
---@field from string
---@field to string
---@field agent string at work

---@class marea.PartialEvent what of the answer's table is there
---@field type "partial"
---@field value any one table that grows

---@class marea.PendingEvent a person must be asked
---@field type "pending"
---@field pending marea.Pending[]
---@field agent string at work

---@class marea.DoneEvent
---@field type "done"
---@field result marea.AgentResult
---@field agent string at work

---- testing --------------------------------------------------------------------------------------

---@class marea.TestClientOptions: marea.ClientOptions
---@field replies (string|marea.testing.Reply|table|function)[] one for each request, in order

---@class marea.TestClient: marea.Client
---@field requests table[] what it was asked
---@field assert_used fun(self: marea.TestClient) raises while replies are left, or where one did not fit
