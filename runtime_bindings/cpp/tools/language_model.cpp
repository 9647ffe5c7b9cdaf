#include "language_model.h"

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor_ptr_maker.h>
#include <executorch/runtime/platform/platform.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "argmax.h"
#include "mapped_loader.h"

// Exported by the wheel without a header.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace mmoe {
namespace {

using executorch::aten::ScalarType;
using executorch::extension::from_blob;
using executorch::extension::module::Module;
using executorch::runtime::Error;

std::runtime_error Failure(const std::string& path, const std::string& what, Error error) {
  return std::runtime_error(path + ": " + what + " (" + executorch::runtime::to_string(error) + ")");
}

// The runtime also logs chatter about the CPU; a user of the program needs only what went wrong.
void LogErrors(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
               const char* message, size_t) {
  if (level == kError || level == kFatal) std::fprintf(stderr, "executorch: %s\n", message);
}

const bool kLogRegistered =
    executorch::runtime::register_pal(executorch::runtime::PalImpl::create(LogErrors, __FILE__));

}  // namespace

LanguageModel::LanguageModel(const std::string& path, int threads) : path_(path), file_(path) {
  // Before the load: XNNPACK takes hold of the pool when a delegate is created.
  if (threads > 0) {
    executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(
        static_cast<uint32_t>(threads));
  }
  module_ = std::make_unique<Module>(std::make_unique<MappedLoader>(file_.bytes()));
  if (const Error error = module_->load(); error != Error::Ok) throw Failure(path, "cannot be loaded", error);
  max_seq_len_ = Constants("get_max_seq_len").at(0);
  max_context_len_ = Constants("get_max_context_len").at(0);
  eos_ids_ = Constants("get_eos_ids");
  if (const Error error = module_->load_forward(); error != Error::Ok) {
    throw Failure(path, "forward cannot be loaded", error);
  }
  const auto meta = module_->method_meta("forward");
  if (!meta.ok()) throw Failure(path, "forward has no description", meta.error());
  const auto logits =
      meta->num_inputs() == 2 && meta->num_outputs() == 1
          ? meta->output_tensor_meta(0)
          : executorch::runtime::Result<executorch::runtime::TensorInfo>(Error::InvalidProgram);
  if (!logits.ok() || logits->sizes().size() != 2 || logits->scalar_type() != ScalarType::Float) {
    throw std::runtime_error(path +
                             ": forward must take tokens and input_pos and give float32 logits [1, V]");
  }
  vocab_size_ = logits->sizes()[1];
}

LanguageModel::~LanguageModel() = default;

std::vector<int64_t> LanguageModel::Constants(const char* method) {
  const auto values = module_->execute(method);
  if (!values.ok()) {
    throw Failure(path_, std::string("not a language model: ") + method + " failed", values.error());
  }
  std::vector<int64_t> result;
  for (const auto& value : *values) {
    if (!value.isInt()) throw std::runtime_error(path_ + ": " + method + " does not give integers");
    result.push_back(value.toInt());
  }
  if (result.empty()) throw std::runtime_error(path_ + ": " + method + " gives nothing");
  return result;
}

int64_t LanguageModel::Forward(std::vector<int64_t> ids, int64_t position) {
  const auto count = static_cast<executorch::aten::SizesType>(ids.size());
  const auto tokens = from_blob(ids.data(), {1, count}, ScalarType::Long);
  const auto input_pos = from_blob(&position, {1}, ScalarType::Long);
  const auto outputs = module_->forward({tokens, input_pos});
  if (!outputs.ok()) throw Failure(path_, "forward failed", outputs.error());
  const float* logits = outputs->at(0).toTensor().const_data_ptr<float>();
  const int64_t best = ArgMax(logits, vocab_size_);
  if (best < 0) throw std::runtime_error(path_ + ": forward gave logits that are not numbers");
  return best;
}

}  // namespace mmoe
