#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mapped_file.h"

namespace executorch::extension::module {
class Module;
}

namespace mmoe {

// A .pte that meets the contract of ExecuTorch's LLM runners: forward(tokens int64 [1, T], input_pos int64
// [1]) -> logits float32 [1, V]. Constants stay mapped from the file. Every failure throws
// std::runtime_error.
class LanguageModel {
 public:
  // `threads` of the process's pool; 0 keeps the runtime's choice.
  LanguageModel(const std::string& path, int threads);
  ~LanguageModel();

  int64_t max_seq_len() const { return max_seq_len_; }
  int64_t max_context_len() const { return max_context_len_; }
  int64_t vocab_size() const { return vocab_size_; }
  const std::vector<int64_t>& eos_ids() const { return eos_ids_; }

  // The likeliest token after `ids` (at most max_seq_len of them) standing at `position`; ties to the lower
  // id.
  int64_t Forward(std::vector<int64_t> ids, int64_t position);

 private:
  std::vector<int64_t> Constants(const char* method);

  std::string path_;
  MappedFile file_;
  std::unique_ptr<executorch::extension::module::Module> module_;
  int64_t max_seq_len_ = 0;
  int64_t max_context_len_ = 0;
  int64_t vocab_size_ = 0;
  std::vector<int64_t> eos_ids_;
};

}  // namespace mmoe
