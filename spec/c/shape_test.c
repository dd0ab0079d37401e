/* SPDX-License-Identifier: MIT */
/* Shapes: which chunks they are learnt from, and which fit. */
#include "check.h"
#include "shape.h"


static int learn (struct shape *s, const char *chunk, const char *text) {
  size_t n = strlen(chunk), length = strlen(text);
  char *copy = exact(chunk, n), *value = exact(text, length);
  int learnt = shape_learn(s, copy, n, "content", value, length);
  free(copy);
  free(value);
  CHECK(learnt == (s->bytes != NULL));
  return learnt;
}


/* What stands where the text stood, in a block of the caller's; NULL: the
** chunk does not fit. */
static char *text_in (const struct shape *s, const char *chunk) {
  size_t n = strlen(chunk), length;
  char *copy = exact(chunk, n), *text = NULL;
  const char *raw;
  if (shape_fits(s, copy, n, &raw, &length)) {
    text = calloc(length + 1, 1);
    if (text == NULL) exit(2);
    memcpy(text, raw, length);
  }
  free(copy);
  return text;
}


static void fits (const struct shape *s, const char *chunk, const char *want) {
  char *text = text_in(s, chunk);
  if (text == NULL || strcmp(text, want) != 0)
    blame("%s: got %s, wanted %s", chunk, text ? text : "no fit", want);
  free(text);
}


static void misfits (const struct shape *s, const char *chunk) {
  char *text = text_in(s, chunk);
  if (text) blame("%s: fits, with %s", chunk, text);
  free(text);
}


#define HEAD  "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
#define TAIL  "},\"finish_reason\":null}]}"


static void takes_text (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, HEAD "\"Hello\"" TAIL, "Hello"));
  fits(&s, HEAD "\"Hello\"" TAIL, "Hello");
  fits(&s, HEAD "\" world\"" TAIL, " world");
  fits(&s, HEAD "\"\"" TAIL, "");
  fits(&s, HEAD "\"\\n\\u00e9\\\"\"" TAIL, "\\n\\u00e9\\\"");
  fits(&s, HEAD "\"a longer text than the one that was learnt\"" TAIL,
       "a longer text than the one that was learnt");
  shape_free(&s);
}


static void learns_empty (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, HEAD "\"\"" TAIL, ""));
  fits(&s, HEAD "\"x\"" TAIL, "x");
  misfits(&s, HEAD "null" TAIL);
  shape_free(&s);
}


static void refuses_others (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, HEAD "\"Hello\"" TAIL, "Hello"));
  misfits(&s, "");
  misfits(&s, HEAD);
  misfits(&s, HEAD "\"");
  misfits(&s, HEAD "\"" TAIL);
  misfits(&s, HEAD "null" TAIL);
  misfits(&s, HEAD "\"Hello\"},\"finish_reason\":\"stop\"}]}");
  misfits(&s, " " HEAD "\"Hello\"" TAIL);
  misfits(&s, HEAD "\"Hello\"" TAIL "\n");
  misfits(&s, "{\"id\":\"c2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
          "\"Hello\"" TAIL);
  shape_free(&s);
}


static void overlap (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, "{\"content\":\"\",\"x\":\"\"}", ""));
  misfits(&s, "{\"content\":\"}");
  misfits(&s, "{\"content\":\",\"x\":\"\"}");
  shape_free(&s);
}


static void spaces (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, "{ \"content\"\t:\r\n \"a\" }", "a"));
  fits(&s, "{ \"content\"\t:\r\n \"bc\" }", "bc");
  misfits(&s, "{ \"content\": \"bc\" }");
  shape_free(&s);
}


static void names_alike (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, "{\"a_content\":\"x\",\"content\":\"a\",\"contents\":1}",
              "a"));
  fits(&s, "{\"a_content\":\"x\",\"content\":\"b\",\"contents\":1}", "b");
  CHECK(learn(&s, "{\"type\":\"content\",\"content\":\"a\"}", "a"));
  fits(&s, "{\"type\":\"content\",\"content\":\"b\"}", "b");
  CHECK(learn(&s, "{\"x\":\"content\\\":1\",\"content\":\"a\"}", "a") == 0 ||
        s.prefix > 20);
  shape_free(&s);
}


static void not_once (void) {
  static const char *const chunks[] = {
    "{\"content\":\"a\",\"content\":\"a\"}",
    "{\"content\":\"a\",\"x\":{\"content\" : \"b\"}}",
    "{\"x\":[{\"content\":null}],\"content\":\"a\"}",
    "{\"content\":\"a\",\"x\":{\"content\":\"a\"}}",
    "{\"content\":\"a\",\"\\u0063ontent\":\"a\"}",
    "{\"c\\u006fntent\":\"a\",\"content\":\"a\"}",
    "{\"\\\"content\":\"a\",\"\\u0063ontent\":\"a\"}",
  };
  struct shape s = { 0 };
  size_t i;
  for (i = 0; i < sizeof chunks / sizeof *chunks; i++)
    if (learn(&s, chunks[i], "a")) blame("learnt from %s", chunks[i]);
  shape_free(&s);
}


static void not_that_text (void) {
  static const char *const chunks[] = {
    "", "{", "{}", "\"content\"", "{\"content\"", "{\"content\":",
    "{\"content\":\"", "{\"content\":\"a", "{\"content\":\"b\"}",
    "{\"content\":\"ab\"}", "{\"content\":null}", "{\"content\":[\"a\"]}",
    "{\"text\":\"a\"}", "{\"content\":\"\\u0061\"}", "{\"\\\"content\":\"a\"}",
    "{\"Content\":\"a\"}", "{\"content \":\"a\"}",
  };
  struct shape s = { 0 };
  size_t i;
  for (i = 0; i < sizeof chunks / sizeof *chunks; i++)
    if (learn(&s, chunks[i], "a")) blame("learnt from %s", chunks[i]);
  CHECK(!learn(&s, "{\"content\":\"a\\n\"}", "a\\n"));
  CHECK(!learn(&s, "{\"content\":\"a\\n\"}", "a\n"));
  CHECK(!learn(&s, "{\"content\":\"a\",\"b\":\"c\"}", "a\",\"b\":\"c"));
  shape_free(&s);
}


static void last_counts (void) {
  struct shape s = { 0 };
  CHECK(learn(&s, "{\"content\":\"a\",\"n\":1}", "a"));
  CHECK(learn(&s, "{\"content\":\"a\",\"n\":2}", "a"));
  misfits(&s, "{\"content\":\"a\",\"n\":1}");
  fits(&s, "{\"content\":\"b\",\"n\":2}", "b");
  CHECK(!learn(&s, "{\"n\":3}", "a"));
  misfits(&s, "{\"content\":\"b\",\"n\":2}");
  shape_free(&s);
}


static void none_fits_nothing (void) {
  struct shape s = { 0 };
  misfits(&s, "");
  misfits(&s, "{\"content\":\"a\"}");
  CHECK(learn(&s, "{\"content\":\"a\"}", "a"));
  shape_free(&s);
  misfits(&s, "");
  misfits(&s, "{\"content\":\"a\"}");
  shape_free(&s);
}


static void any_key (void) {
  static const char chunk[] = "{\"delta\":\"a\",\"content\":\"b\"}";
  struct shape s = { 0 };
  CHECK(shape_learn(&s, chunk, sizeof chunk - 1, "delta", "a", 1));
  fits(&s, "{\"delta\":\"c\",\"content\":\"b\"}", "c");
  misfits(&s, "{\"delta\":\"a\",\"content\":\"c\"}");
  shape_free(&s);
}


static const struct test tests[] = {
  { "a chunk that differs in its text fits", takes_text },
  { "a shape is learnt from an empty text too", learns_empty },
  { "a chunk that differs elsewhere does not fit", refuses_others },
  { "a chunk too short for both ends does not fit", overlap },
  { "spaces may stand around the colon", spaces },
  { "keys and values that look like the key do not hinder", names_alike },
  { "a key that stands twice, even escaped, is not learnt", not_once },
  { "another text than was said is not learnt", not_that_text },
  { "what was learnt last counts, even if nothing", last_counts },
  { "no shape fits nothing", none_fits_nothing },
  { "the key is the caller's choice", any_key },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
