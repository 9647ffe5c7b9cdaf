#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/aligned_copy.h"
#include "core/mapped_file.h"
#include "core/planned_memory.h"
#include "core/snapshot/state_tensors.h"
#include "core/threads.h"

namespace executorch::extension::module {
class Module;
}
namespace executorch::runtime {
struct EValue;
}

namespace mmoe {

// What the constant methods of a program say (the contract of ExecuTorch's own LLM runners).
struct ProgramInfo {
  int64_t max_seq_len = 0;
  int64_t max_context_len = 0;
  int64_t vocab_size = 0;
  int64_t sliding_window = 0;    // keys that layers with a window see; 0: no such layers
  int64_t window_rows = 0;       // rows of the ring that they keep
  int64_t max_draft_tokens = 0;  // that all_logits judges behind a token; 0: the program has no such method
  bool cuts_alike = false;  // bits do not depend on how tokens are cut into calls: no delegate computes any
};

// A .pte, mapped: its constants are read where they lie, its flatbuffer is copied, because the file may
// change while it is in use. Immutable once loaded; contexts on different threads share it.
class Program {
 public:
  // `written_by`: the version of ExecuTorch that wrote the file, for messages. Throws CoreError.
  Program(const std::string& path, const std::string& written_by);
  ~Program();
  Program(const Program&) = delete;

  const ProgramInfo& info() const { return info_; }
  const MappedFile& file() const { return file_; }
  // What a context maps for forward; what all_logits adds, once it is loaded.
  uint64_t planned_bytes() const { return planned_bytes_; }
  uint64_t all_logits_bytes() const { return all_logits_bytes_; }
  // What a context holds of its tokens; empty where a delegate keeps it.
  const std::vector<StateTensor>& state() const { return state_; }

 private:
  friend class ProgramContext;
  using Module = executorch::extension::module::Module;

  int64_t Constant(Module& module, const char* method) const;
  void Load();
  void ReadInfo(Module& module);
  void ReadAllLogits(Module& module);

  MappedFile file_;
  std::unique_ptr<const AlignedCopy> flatbuffer_;
  std::string written_by_;
  ProgramInfo info_;
  std::vector<StateTensor> state_;
  uint64_t planned_bytes_ = 0;
  uint64_t all_logits_bytes_ = 0;
  std::optional<PoolUse> pool_use_;
  std::unique_ptr<Module> module_;
};

// The program's forward with activations and KV caches of its own; for one thread at a time.
class ProgramContext {
 public:
  explicit ProgramContext(std::shared_ptr<const Program> program);
  ~ProgramContext();

  // Runs `count` tokens (1..max_seq_len, ids of the vocabulary) at `position`; the rows before it must be
  // written. Returns the logits [vocab_size] of the last token, valid until the next call. Throws CoreError.
  const float* Forward(const int32_t* ids, size_t count, int64_t position);

  // The same with the logits [count, vocab_size] of every token, for up to 1 + max_draft_tokens of them, over the same
  // caches. LoadAllLogits comes first, once or again.
  void LoadAllLogits();
  const float* AllLogits(const int32_t* ids, size_t count, int64_t position);

  // Where a tensor of Program::state() lies.
  uint8_t* StateMemory(const StateTensor& tensor) const {
    return memory_->buffer(tensor.memory) + tensor.begin;
  }

 private:
  void Load();
  void RequireWhole() const;
  void LoadMethod(const char* method, std::unique_ptr<PlannedMemory>* memory);
  const float* Run(const char* method, const int32_t* ids, size_t count, int64_t position, size_t rows);
  const float* Logits(const std::vector<executorch::runtime::EValue>& outputs, size_t rows) const;

  std::shared_ptr<const Program> program_;
  std::unique_ptr<PlannedMemory> memory_;  // outlives the module
  std::unique_ptr<PlannedMemory> all_logits_memory_;
  std::unique_ptr<executorch::extension::module::Module> module_;
  std::vector<int64_t> ids_;
};

}  // namespace mmoe
