// What llama.cpp makes of ids and texts, over pipes: `llama-answers MODEL THREADS CONTEXT` answers until its input ends.
// `llama-answers MODEL quantize OUT` writes MODEL anew as llama-quantize does for Q4_0, and ends.
//
// A request is two int32, its kind and a count, then so many items; numbers are in the machine's byte order.
//   kind 0: ids int32     -> logits float32 [count, vocabulary], of an empty context
//   kind 1: bytes of text -> int32 count, then ids int32 without what begins a text
// At the start comes the size of the vocabulary, int32.

#include <llama.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

enum Kind : int32_t { kLogits = 0, kTokens = 1 };

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "llama-answers: %s\n", what);
  std::exit(1);
}

// Warnings and errors only.
void Log(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

template <class T>
std::vector<T> Read(size_t count) {
  std::vector<T> items(count);
  if (std::fread(items.data(), sizeof(T), count, stdin) != count) Fail("a request is cut off");
  return items;
}

template <class T>
void Write(const T* items, size_t count) {
  if (std::fwrite(items, sizeof(T), count, stdout) != count) Fail("nobody reads the answer");
}

void AnswerLogits(llama_context* context, int32_t vocabulary, const std::vector<int32_t>& ids) {
  llama_memory_clear(llama_get_memory(context), true);
  const int32_t count = static_cast<int32_t>(ids.size());
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int32_t i = 0; i < count; ++i) {
    batch.token[i] = ids[i];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  if (llama_decode(context, batch) != 0) Fail("llama_decode failed");
  for (int32_t i = 0; i < count; ++i) Write(llama_get_logits_ith(context, i), vocabulary);
  llama_batch_free(batch);
}

void AnswerTokens(const llama_vocab* vocab, const std::vector<char>& text) {
  const int32_t bytes = static_cast<int32_t>(text.size());
  std::vector<llama_token> ids(text.size() + 16);
  const int32_t count =
      llama_tokenize(vocab, text.data(), bytes, ids.data(), static_cast<int32_t>(ids.size()), false, false);
  if (count < 0) Fail("llama_tokenize failed");
  Write(&count, 1);
  Write(ids.data(), count);
}

int Quantize(const char* from, const char* to) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_MOSTLY_Q4_0;
  if (llama_model_quantize(from, to, &params) != 0) Fail("llama_model_quantize failed");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) Fail("usage: llama-answers MODEL THREADS CONTEXT, or llama-answers MODEL quantize OUT");
  llama_log_set(Log, nullptr);
  llama_backend_init();
  if (std::strcmp(arguments[2], "quantize") == 0) return Quantize(arguments[1], arguments[3]);
  llama_model* model = llama_model_load_from_file(arguments[1], llama_model_default_params());
  if (model == nullptr) Fail("the model cannot be loaded");
  llama_context_params params = llama_context_default_params();
  params.n_threads = params.n_threads_batch = std::atoi(arguments[2]);
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(std::atoi(arguments[3]));
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) Fail("there is no context of this length");
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const int32_t vocabulary = llama_vocab_n_tokens(vocab);
  Write(&vocabulary, 1);
  std::fflush(stdout);
  int32_t head[2];
  while (std::fread(head, sizeof head, 1, stdin) == 1) {
    if (head[1] < 1) Fail("a request is empty");
    if (head[0] == kLogits) {
      AnswerLogits(context, vocabulary, Read<int32_t>(head[1]));
    } else if (head[0] == kTokens) {
      AnswerTokens(vocab, Read<char>(head[1]));
    } else {
      Fail("no such kind of request");
    }
    std::fflush(stdout);
  }
  llama_free(context);
  llama_model_free(model);
}
