/* Continues a prompt with libmmoe, in C: generate ARTIFACT "Once upon a time"
 *
 *   lib=$(python -c 'from mmoe.runtime_bindings.python.library import core_library_path as p; print(p().parent)')
 *   cc examples/generate.c -I runtime_bindings/cpp/core -L "$lib" -lmmoe -Wl,-rpath,"$lib" -o generate
 */
#include <stdio.h>
#include <string.h>

#include "mmoe.h"

enum { kMaxPrompt = 4096, kMaxNewTokens = 100 };

static int fail(void) {
  fprintf(stderr, "error: %s\n", mmoe_last_error());
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s ARTIFACT PROMPT\n", argv[0]);
    return 2;
  }
  mmoe_model model;
  mmoe_session session;
  if (mmoe_model_open(argv[1], NULL, &model) != MMOE_OK) return fail();
  if (mmoe_session_open(model, NULL, &session) != MMOE_OK) return fail();

  int32_t ids[kMaxPrompt];
  size_t count;
  if (mmoe_tokenize(model, argv[2], strlen(argv[2]), 1, 0, ids, kMaxPrompt, &count) != MMOE_OK) return fail();
  if (mmoe_session_prefill(session, ids, count, NULL) != MMOE_OK) return fail();

  for (int token = 0; token < kMaxNewTokens; ++token) {
    mmoe_step step;
    if (mmoe_session_next(session, &step) != MMOE_OK) return fail();
    fwrite(step.text, 1, step.text_bytes, stdout);
    if (step.finish != MMOE_FINISH_NONE) break;
  }
  putchar('\n');

  mmoe_stats stats;
  mmoe_stats_init(&stats);
  mmoe_session_stats(session, &stats);
  fprintf(stderr, "[%lld tokens of prompt in %.3f s; %lld tokens decoded in %.3f s]\n", (long long)stats.prefill_tokens,
          stats.prefill_seconds, (long long)stats.decode_tokens, stats.decode_seconds);
  return mmoe_model_close(model) == MMOE_OK ? 0 : fail();
}
