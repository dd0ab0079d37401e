/* SPDX-License-Identifier: MIT */
/* Openings: which of a stream's first chunks can wait to be decoded. */
#include "check.h"
#include "opening.h"


/* The text of a chunk that can wait, in a block of the caller's; else NULL. */
static char *text_of (const char *chunk) {
  size_t n = strlen(chunk), length = 0;
  char *copy = exact(chunk, n), *out = NULL;
  const char *text = NULL;
  if (opening_read(copy, n, &text, &length)) {
    out = calloc(length + 1, 1);
    if (out == NULL) exit(2);
    memcpy(out, text, length);
  }
  free(copy);
  return out;
}


static void waits (const char *chunk, const char *want) {
  char *text = text_of(chunk);
  if (text == NULL || strcmp(text, want) != 0)
    blame("%s: got %s, wanted %s", chunk, text ? text : "no leave", want);
  free(text);
}


static void refuses (const char *chunk) {
  char *text = text_of(chunk);
  if (text) blame("%s: may wait, with %s", chunk, text);
  free(text);
}


#define DELTA(members)  "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{" \
                        members "},\"finish_reason\":null}]}"
#define CHOICE(members)  "{\"choices\":[{\"delta\":{\"content\":\"a\"}," \
                         members "}]}"
#define CHUNK(members)  "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]," \
                        members "}"


static void gives_text (void) {
  waits(DELTA("\"content\":\"Hello\""), "Hello");
  waits(DELTA("\"role\":\"assistant\",\"content\":\"Hi\""), "Hi");
  waits(DELTA("\"content\":\"\xC3\xA9\""), "\xC3\xA9");
  waits(" { \"choices\" : [ { \"delta\" : { \"content\" : \"a\" } } ] }\n", "a");
}


static void gives_none (void) {
  waits(DELTA("\"role\":\"assistant\",\"content\":\"\""), "");
  waits(DELTA("\"role\":\"assistant\",\"content\":null"), "");
  waits(DELTA("\"role\":\"assistant\""), "");
  waits(DELTA(""), "");
}


static void plain_fields (void) {
  waits(CHUNK("\"a\":1,\"b\":1.5,\"c\":true,\"d\":\"e\\n\",\"usage\":null"), "a");
  waits(CHOICE("\"index\":3,\"logprobs\":null,\"x\":\"y\""), "a");
  waits(DELTA("\"refusal\":null,\"content\":\"a\",\"tool_calls\":null"), "a");
}


static void fields_that_count (void) {
  refuses(CHUNK("\"error\":null"));
  refuses(CHUNK("\"type\":\"ping\""));
  refuses(CHUNK("\"usage\":{}"));
  refuses(CHUNK("\"x\":[]"));
  refuses(CHOICE("\"finish_reason\":\"stop\""));
  refuses(CHOICE("\"finish_reason\":\"\""));
  refuses(CHOICE("\"text\":\"b\""));
  refuses(CHOICE("\"message\":null"));
  refuses(CHOICE("\"logprobs\":{}"));
  refuses(DELTA("\"reasoning\":\"b\",\"content\":\"a\""));
  refuses(DELTA("\"content\":\"a\",\"x\":1"));
  refuses(DELTA("\"tool_calls\":[]"));
  refuses(DELTA("\"role\":{}"));
}


static void content_of_any_kind (void) {
  refuses(DELTA("\"content\":\"a\\n\""));
  refuses(DELTA("\"content\":\"\\u0061\""));
  refuses(DELTA("\"content\":[]"));
  refuses(DELTA("\"content\":{}"));
  refuses(DELTA("\"content\":1"));
  refuses(DELTA("\"content\":true"));
}


static void said_twice (void) {
  refuses(DELTA("\"content\":\"a\",\"content\":\"b\""));
  refuses(DELTA("\"content\":null,\"content\":\"b\""));
  refuses(CHOICE("\"delta\":{}"));
  refuses(CHUNK("\"choices\":[{\"delta\":{}}]"));
  refuses("{\"choices\":[{\"delta\":{}},{\"delta\":{}}]}");
}


static void no_such_chunk (void) {
  refuses("");
  refuses("{}");
  refuses("null");
  refuses("[DONE]");
  refuses("{\"choices\":[]}");
  refuses("{\"choices\":{}}");
  refuses("{\"choices\":null}");
  refuses("{\"choices\":[null]}");
  refuses("{\"choices\":[{}]}");
  refuses("{\"choices\":[{\"delta\":null}]}");
  refuses("[{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}]");
}


static void spelt_otherwise (void) {
  refuses(DELTA("\"conten\\u0074\":\"a\""));
  refuses(CHOICE("\"t\\u0065xt\":\"b\""));
  refuses(CHUNK("\"\\u0065rror\":\"b\""));
}


static void no_json (void) {
  char chunk[] = CHUNK("\"x\":\"y\"");
  for (size_t n = 0; n < sizeof chunk - 1; n++) {
    char *part = calloc(n + 1, 1);
    if (part == NULL) exit(2);
    memcpy(part, chunk, n);
    refuses(part);
    free(part);
  }
  refuses(CHUNK("\"x\":\"y\"") "}");
  refuses(CHUNK("\"x\":\"y\"") " {}");
  refuses(CHUNK("\"x\":nul"));
  refuses(DELTA("\"content\":\"a\tb\""));
}


/* of OPENING_SIZE bytes and one more */
static void bounds (void) {
  static const char end[] = "\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}";
  char chunk[OPENING_SIZE + 2] = "{\"x\":\"";
  memset(chunk + 6, 'x', sizeof chunk - 6);
  strcpy(chunk + OPENING_SIZE - (sizeof end - 1), end);
  waits(chunk, "a");
  memset(chunk + 6, 'x', sizeof chunk - 6);
  strcpy(chunk + OPENING_SIZE + 1 - (sizeof end - 1), end);
  refuses(chunk);
}


static const struct test tests[] = {
  { "a chunk of nothing but text waits", gives_text },
  { "so does one without text", gives_none },
  { "fields that are plain values are no hindrance", plain_fields },
  { "fields that say how a chunk is read are", fields_that_count },
  { "content with escapes, or that is no string, does not wait",
    content_of_any_kind },
  { "what is said twice does not wait", said_twice },
  { "what is no chunk of one choice with a delta does not wait",
    no_such_chunk },
  { "keys spelt with escapes do not wait", spelt_otherwise },
  { "what is no JSON does not wait", no_json },
  { "a chunk that is too long does not wait", bounds },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
