#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/model.h"
#include "core/template/civil_time.h"

namespace mmoe {

struct FittedChat {
  std::vector<int32_t> ids;
  size_t left_out = 0;  // messages, the oldest behind the system messages in front
};

// The ids of a conversation (model_template.h) without as many of its oldest turns as it takes to have at most
// `most_ids`. A turn is a user's message with all up to the next one, so that no answer is left without its question and
// no tool's result without its call. Throws CoreError(MMOE_CONTEXT_FULL) when the system messages and the last turn are
// too long by themselves.
FittedChat FitChat(const Model& model, std::string_view conversation,
                   const std::optional<jinja::CivilTime>& now, size_t most_ids);

}  // namespace mmoe
