#pragma once

#include <memory>
#include <string>

#include "core/grammar/grammars.h"
#include "core/manifest.h"
#include "core/mmoe.h"
#include "core/model_template.h"
#include "core/program.h"
#include "core/progress.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

// An artifact folder: what sessions share. Immutable but for what it keeps of grammars.
class Model {
 public:
  // Throws CoreError.
  Model(const std::string& folder, bool verify_checksums, const Progress& progress);

  // Reads the program into memory and runs it once, in a context of its own. Throws CoreError.
  void WarmUp(const Progress& progress) const;

  const Manifest& manifest() const { return manifest_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Throws when there is none that this library can read.
  const ModelTemplate& chat_template() const { return chat_template_->Get(); }
  bool has_chat_template() const { return chat_template_->readable(); }
  const std::shared_ptr<const Program>& program() const { return program_; }
  // Compiled grammars for its tokens.
  grammar::Grammars& grammars() const { return *grammars_; }
  double load_seconds() const { return load_seconds_; }
  bool IsStop(int32_t id) const;

 private:
  Manifest manifest_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const ArtifactTemplate> chat_template_;
  std::unique_ptr<grammar::Grammars> grammars_;
  std::shared_ptr<const Program> program_;
  double load_seconds_ = 0;
};

}  // namespace mmoe
