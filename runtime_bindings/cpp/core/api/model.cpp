#include "core/model.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "core/api/guard.h"
#include "core/memory.h"
#include "core/performance_cores.h"
#include "core/program.h"
#include "core/progress.h"

namespace mmoe {

namespace {

std::mutex opening;
std::atomic<int> open_models{0};

// The pool belongs to the process, and delegates take hold of it: it can change only while no model is open.
void ChooseThreads(uint32_t threads) {
  static bool chosen = false;  // under `opening`
  if (threads == 0 && !chosen) threads = std::min<uint32_t>(PerformanceCores().value_or(0), MMOE_MAX_THREADS);
  chosen = true;
  if (threads == 0 || threads == PoolThreads()) return;
  if (open_models.load() > 0) {
    throw CoreError(MMOE_BUSY,
                    "the pool of " + std::to_string(PoolThreads()) +
                        " threads is in use by another model; close that first, or open with threads 0");
  }
  SetPoolThreads(threads);
}

struct OpenModel : Model {
  using Model::Model;
  ~OpenModel() { --open_models; }
};

void NotePeaks() {
  mmoe_memory now;
  mmoe_memory_init(&now);
  ReadMemory(&now);
}

}  // namespace
}  // namespace mmoe

void mmoe_model_options_init(mmoe_model_options* options) {
  if (options == nullptr) return;
  *options = {};
  options->struct_size = sizeof(*options);
}

mmoe_status mmoe_model_open(const char* folder, const mmoe_model_options* options, mmoe_model* model) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(folder != nullptr && model != nullptr, "folder or model is NULL");
    const mmoe_model_options chosen = mmoe::Received(options, mmoe_model_options_init, "mmoe_model_options");
    mmoe::RequireArgument(chosen.threads <= MMOE_MAX_THREADS, "threads must be at most 1024");
    const std::lock_guard<std::mutex> lock(mmoe::opening);
    mmoe::ClaimProcess();
    mmoe::ChooseThreads(chosen.threads);
    ++mmoe::open_models;
    std::shared_ptr<mmoe::Model> opened;
    try {
      const mmoe::Progress progress(chosen.on_progress, chosen.progress_context);
      opened = std::make_shared<mmoe::OpenModel>(folder, chosen.verify_checksums != 0, progress);
    } catch (...) {
      --mmoe::open_models;
      throw;
    }
    *model = mmoe::Models().Add(std::move(opened));
    mmoe::NotePeaks();
  });
}

mmoe_status mmoe_model_close(mmoe_model model) {
  return mmoe::GuardClose([&] {
    const std::shared_ptr<mmoe::Model> closed = mmoe::Models().Take(model);
    const auto sessions = mmoe::Sessions().TakeIf(
        [&](const mmoe::Session& session) { return &session.model() == closed.get(); });
    for (const auto& session : sessions) session->Close();
  });
}

mmoe_status mmoe_model_warm_up(mmoe_model model, mmoe_on_progress on_progress, void* progress_context) {
  return mmoe::Guard([&] {
    mmoe::Models().Get(model)->WarmUp(mmoe::Progress(on_progress, progress_context));
    mmoe::NotePeaks();
  });
}

void mmoe_session_memory_init(mmoe_session_memory* memory) {
  if (memory == nullptr) return;
  *memory = {};
  memory->struct_size = sizeof(*memory);
}

mmoe_status mmoe_model_session_memory(mmoe_model model, int64_t tokens, mmoe_session_memory* memory) {
  return mmoe::Guard([&] {
    mmoe::RequireStruct(memory, "mmoe_session_memory");
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    const mmoe::Program& program = *open->program();
    const int64_t context = program.info().max_context_len;
    mmoe::RequireArgument(tokens >= -1 && tokens <= context,
                          "tokens must be -1 (a full context) or from 0 to max_context_len");
    const int64_t position = tokens < 0 ? context : tokens;
    mmoe_session_memory found;
    mmoe_session_memory_init(&found);
    found.planned_bytes = program.planned_bytes();
    for (const mmoe::StateTensor& tensor : program.state())
      found.cache_bytes += tensor.UsedBytes(position, position);
    found.speculation_bytes = program.all_logits_bytes();
    mmoe::Hand(found, memory);
  });
}

mmoe_status mmoe_model_sampling(mmoe_model model, mmoe_sampling* sampling) {
  return mmoe::Guard([&] {
    mmoe::RequireStruct(sampling, "mmoe_sampling");
    mmoe::Hand(mmoe::Models().Get(model)->manifest().sampling, sampling);
  });
}

mmoe_status mmoe_model_check_grammar(mmoe_model model, int32_t kind, const char* text, size_t text_bytes) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(text != nullptr || text_bytes == 0, "text is NULL");
    mmoe::Models().Get(model)->grammars().Get(kind, {text, text_bytes});
  });
}

void mmoe_model_info_init(mmoe_model_info* info) {
  if (info == nullptr) return;
  *info = {};
  info->struct_size = sizeof(*info);
}

mmoe_status mmoe_model_get_info(mmoe_model model, mmoe_model_info* info) {
  return mmoe::Guard([&] {
    mmoe::RequireStruct(info, "mmoe_model_info");
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    const mmoe::ProgramInfo& program = open->program()->info();
    mmoe_model_info found;
    mmoe_model_info_init(&found);
    found.vocab_size = static_cast<int32_t>(program.vocab_size);
    found.max_seq_len = static_cast<int32_t>(program.max_seq_len);
    found.max_context_len = static_cast<int32_t>(program.max_context_len);
    found.layers = open->manifest().layers;
    found.bos_id = open->manifest().bos_id;
    found.threads = mmoe::PoolThreads();
    found.has_chat = open->has_chat_template() ? 1 : 0;
    found.load_seconds = open->load_seconds();
    found.program_bytes = open->program()->file().bytes().size();
    found.sliding_window = static_cast<int32_t>(program.sliding_window);
    found.window_rows = static_cast<int32_t>(program.window_rows);
    found.max_draft_tokens = static_cast<int32_t>(program.max_draft_tokens);
    mmoe::Hand(found, info);
  });
}
