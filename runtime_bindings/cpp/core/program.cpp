#include "core/program.h"

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor_ptr_maker.h>

#include <utility>

#include "core/error.h"
#include "core/mapped_loader.h"
#include "core/runtime_abort.h"
#include "core/runtime_log.h"
#include "core/validation/malformed.h"
#include "core/validation/program_layout.h"
#include "core/validation/program_validation.h"

namespace mmoe {

namespace {

using executorch::aten::ScalarType;
using executorch::extension::from_blob;
using executorch::extension::module::Module;
using executorch::runtime::Error;
using executorch::runtime::Result;

// A method that gives a constant plans no memory; a damaged size must not be allocated (and zeroed).
constexpr int64_t kMostConstantBytes = 4096;

constexpr const char* kForward = "forward";
constexpr const char* kAllLogits = "all_logits";

mmoe_status StatusOf(Error error) {
  switch (error) {
    case Error::MemoryAllocationFailed:
    case Error::OutOfResources:
      return MMOE_OUT_OF_RESOURCES;
    case Error::InvalidProgram:
    case Error::InvalidExternalData:
      return MMOE_CORRUPT;
    case Error::DelegateInvalidCompatibility:
    case Error::OperatorMissing:
      return MMOE_VERSION;
    case Error::NotFound:
      return MMOE_UNSUPPORTED;
    default:
      return MMOE_RUNTIME;
  }
}

// What a user can do about it; "" where the runtime's own log says all there is.
std::string Advice(Error error) {
  switch (error) {
    case Error::OperatorMissing:
      return "the program calls an operator that this library does not have: ";
    case Error::NotFound:
      return "the program needs a backend that is not in this build: ";
    case Error::InvalidProgram:
      return "the file is cut or damaged: ";
    case Error::DelegateInvalidCompatibility:
      return "a part of the program was lowered for another version of its backend: ";
    case Error::MemoryAllocationFailed:
      return "there is not enough memory: ";
    default:
      return "";
  }
}

// "ET12" stands behind the root offset of every program of this version of the format.
void CheckHeader(const MappedFile& file, const std::string& written_by) {
  using executorch::runtime::Program;
  const std::string_view bytes = file.bytes();
  if (bytes.size() < Program::kMinHeadBytes) {
    throw CoreError(MMOE_CORRUPT,
                    file.path() + ": is cut: it has " + std::to_string(bytes.size()) + " bytes");
  }
  switch (Program::check_header(bytes.data(), bytes.size())) {
    case Program::CompatibleVersion:
      return;
    case Program::IncompatibleVersion:
      throw CoreError(MMOE_VERSION, file.path() + ": is a program of format " +
                                        std::string(bytes.substr(4, 4)) + ", written by ExecuTorch " +
                                        written_by + "; this library is built on " + MMOE_EXECUTORCH_VERSION +
                                        "; convert the checkpoint again");
    default:
      throw CoreError(MMOE_CORRUPT, file.path() + ": is not an ExecuTorch program");
  }
}

[[noreturn]] void Fail(const Program& program, const std::string& written_by, const std::string& what,
                       Error error) {
  const mmoe_status status = StatusOf(error);
  const std::string log = TakeRuntimeLog();
  std::string message = program.file().path() + ": " + what + ": " + Advice(error) +
                        executorch::runtime::to_string(error) + (log.empty() ? "" : " (" + log + ")");
  if (status == MMOE_VERSION || status == MMOE_CORRUPT) {
    message +=
        "; written by ExecuTorch " + written_by + ", this library is built on " + MMOE_EXECUTORCH_VERSION;
  }
  throw CoreError(status, message);
}

[[noreturn]] void FailDamaged(const Program& program, const std::exception& cause) {
  throw CoreError(MMOE_CORRUPT, program.file().path() + ": is damaged (" + cause.what() + ")");
}

// `work`, on a file that is the same before and after: where it was changed meanwhile, that is the error,
// whatever `work` made of it.
template <typename Work>
void UnlessChanged(const MappedFile& file, Work work) {
  file.Check();
  try {
    work();
  } catch (const CoreError&) {
    file.Check();
    throw;
  }
  file.Check();
}

}  // namespace

Program::Program(const std::string& path, const std::string& written_by)
    : file_(path), written_by_(written_by) {
  KeepRuntimeQuiet();
  UnlessChanged(file_, [this] { Load(); });
}

void Program::Load() {
  CheckHeader(file_, written_by_);
  const AbortTrap trap;
  try {
    const ProgramLayout layout = ReadProgramLayout(file_.bytes());
    flatbuffer_ = std::make_unique<const AlignedCopy>(file_.bytes().substr(0, layout.flatbuffer_bytes));
    file_.Check();
    ValidateProgram(file_.bytes(), flatbuffer_->bytes(), layout);
    state_ = FindStateTensors(file_.bytes(), flatbuffer_->bytes(), layout);
    module_ = std::make_unique<Module>(std::make_unique<MappedLoader>(file_.bytes(), flatbuffer_->bytes()));
    const Error error = module_->load(executorch::runtime::Program::Verification::InternalConsistency);
    if (error != Error::Ok) Fail(*this, written_by_, "cannot be loaded", error);
    ReadInfo(*module_);
  } catch (const Malformed& malformed) {
    FailDamaged(*this, malformed);
  } catch (const ProgramAborted& aborted) {
    FailDamaged(*this, aborted);
  }
}

Program::~Program() = default;

int64_t Program::Constant(Module& module, const char* method) const {
  const auto meta = module.method_meta(method);
  for (size_t index = 0; meta.ok() && index < meta->num_memory_planned_buffers(); ++index) {
    const auto bytes = meta->memory_planned_buffer_size(index);
    if (bytes.ok() && *bytes >= 0 && *bytes <= kMostConstantBytes) continue;
    throw CoreError(MMOE_CORRUPT, file_.path() + ": is damaged: " + method + ", a constant, wants a buffer");
  }
  const auto value = module.get(method);
  if (!value.ok()) {
    Fail(*this, written_by_, std::string("is no language model: ") + method + " failed", value.error());
  }
  if (!value->isInt()) throw CoreError(MMOE_CORRUPT, file_.path() + ": " + method + " gives no integer");
  return value->toInt();
}

void Program::ReadInfo(Module& module) {
  const auto names = module.method_names();
  if (!names.ok()) Fail(*this, written_by_, "has no list of methods", names.error());
  const auto optional = [&](const char* method) {
    return names->count(method) != 0 ? Constant(module, method) : 0;
  };
  info_.max_seq_len = Constant(module, "get_max_seq_len");
  info_.max_context_len = Constant(module, "get_max_context_len");
  info_.sliding_window = optional("get_sliding_window");
  info_.window_rows = optional("get_window_rows");
  const auto meta = module.method_meta(kForward);
  if (!meta.ok()) Fail(*this, written_by_, "has no forward", meta.error());
  const auto logits = meta->num_inputs() == 2 && meta->num_outputs() == 1
                          ? meta->output_tensor_meta(0)
                          : Result<executorch::runtime::TensorInfo>(Error::InvalidProgram);
  if (!logits.ok() || logits->sizes().size() != 2 || logits->scalar_type() != ScalarType::Float) {
    throw CoreError(MMOE_CORRUPT,
                    file_.path() + ": forward must take tokens and input_pos and give float32 logits [1, V]");
  }
  info_.vocab_size = logits->sizes()[1];
  if (info_.max_seq_len < 1 || info_.max_context_len < info_.max_seq_len || info_.vocab_size < 1 ||
      info_.max_context_len > INT32_MAX) {
    throw CoreError(MMOE_CORRUPT, file_.path() + ": its constants make no sense (max_seq_len " +
                                      std::to_string(info_.max_seq_len) + ", max_context_len " +
                                      std::to_string(info_.max_context_len) + ")");
  }
  info_.cuts_alike = meta->num_backends() == 0;
  pool_use_.emplace(meta->num_backends() > 0);
  planned_bytes_ = PlannedMemory::Bytes(file_.path(), *meta, false);
  if (names->count(kAllLogits) != 0) ReadAllLogits(module);
}

void Program::ReadAllLogits(Module& module) {
  const auto meta = module.method_meta(kAllLogits);
  if (!meta.ok()) Fail(*this, written_by_, "has no all_logits", meta.error());
  if (meta->num_inputs() == 2 && meta->num_outputs() == 1) {
    const auto tokens = meta->input_tensor_meta(0), logits = meta->output_tensor_meta(0);
    if (tokens.ok() && logits.ok() && logits->scalar_type() == ScalarType::Float &&
        tokens->sizes().size() == 2 && logits->sizes().size() == 3 && tokens->sizes()[1] >= 1 &&
        tokens->sizes()[1] <= info_.max_seq_len && logits->sizes()[1] == tokens->sizes()[1] &&
        logits->sizes()[2] == info_.vocab_size) {
      info_.max_draft_tokens = tokens->sizes()[1] - 1;
      all_logits_bytes_ = PlannedMemory::Bytes(file_.path(), *meta, true);
      return;
    }
  }
  throw CoreError(
      MMOE_CORRUPT,
      file_.path() + ": all_logits must take what forward takes and give float32 logits [1, T, V]");
}

ProgramContext::ProgramContext(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  UnlessChanged(program_->file(), [this] { Load(); });
  ids_.reserve(static_cast<size_t>(program_->info().max_seq_len));
}

void ProgramContext::Load() {
  const AbortTrap trap;
  try {
    module_ = std::make_unique<Module>(program_->module_->program());
    LoadMethod(kForward, &memory_);
  } catch (const ProgramAborted& aborted) {
    FailDamaged(*program_, aborted);
  }
}

void ProgramContext::LoadMethod(const char* method, std::unique_ptr<PlannedMemory>* memory) {
  const auto meta = module_->method_meta(method);
  if (!meta.ok()) Fail(*program_, program_->written_by_, std::string("has no ") + method, meta.error());
  *memory = std::make_unique<PlannedMemory>(program_->file().path(), *meta, memory_.get());
  const Error error = module_->load_method(method, (*memory)->allocator());
  if (error != Error::Ok) {
    Fail(*program_, program_->written_by_, std::string(method) + " cannot be loaded", error);
  }
}

void ProgramContext::LoadAllLogits() {
  if (all_logits_memory_ != nullptr) return;
  RequireWhole();
  UnlessChanged(program_->file(), [this] {
    const AbortTrap trap;
    try {
      LoadMethod(kAllLogits, &all_logits_memory_);
    } catch (const ProgramAborted& aborted) {
      FailDamaged(*program_, aborted);
    }
  });
}

ProgramContext::~ProgramContext() = default;

const float* ProgramContext::Forward(const int32_t* ids, size_t count, int64_t position) {
  const float* logits = nullptr;
  UnlessChanged(program_->file(), [&] { logits = Run(kForward, ids, count, position, 1); });
  return logits;
}

const float* ProgramContext::AllLogits(const int32_t* ids, size_t count, int64_t position) {
  const float* logits = nullptr;
  UnlessChanged(program_->file(), [&] { logits = Run(kAllLogits, ids, count, position, count); });
  return logits;
}

void ProgramContext::RequireWhole() const {
  if (module_ == nullptr) {
    throw CoreError(MMOE_CORRUPT,
                    program_->file().path() + ": is damaged: an earlier call of this session failed");
  }
}

const float* ProgramContext::Run(const char* method, const int32_t* ids, size_t count, int64_t position,
                                 size_t rows) {
  RequireWhole();
  TakeRuntimeLog();  // what an earlier call said is not about this one
  ids_.assign(ids, ids + count);
  const auto tokens =
      from_blob(ids_.data(), {1, static_cast<executorch::aten::SizesType>(count)}, ScalarType::Long);
  const auto input_pos = from_blob(&position, {1}, ScalarType::Long);
  const AbortTrap trap;
  try {
    const auto outputs = module_->execute(method, {tokens, input_pos});
    if (!outputs.ok()) {
      Fail(*program_, program_->written_by_, std::string(method) + " failed", outputs.error());
    }
    return Logits(*outputs, rows);
  } catch (const ProgramAborted& aborted) {
    module_.release();  // stopped in the middle of a kernel: neither run again nor taken apart
    FailDamaged(*program_, aborted);
  }
}

const float* ProgramContext::Logits(const std::vector<executorch::runtime::EValue>& outputs,
                                    size_t rows) const {
  if (outputs.size() == 1 && outputs[0].isTensor()) {
    const auto& logits = outputs[0].toTensor();
    const bool whole = logits.scalar_type() == ScalarType::Float &&
                       logits.numel() == static_cast<int64_t>(rows) * program_->info().vocab_size;
    if (whole && logits.const_data_ptr() != nullptr) return logits.const_data_ptr<float>();
  }
  throw CoreError(MMOE_CORRUPT, program_->file().path() + ": it gave no logits of its vocabulary");
}

}  // namespace mmoe
