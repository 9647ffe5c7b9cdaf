// A tokenizer.json from anywhere: refused with a CoreError, or a tokenizer that takes any text and any ids.
// The file and the text are the two halves of the input, parted by its first byte 0xFF, which no UTF-8 has.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\xFF'), size);
  const std::string_view text = end < size ? input.substr(end + 1) : "\xF0\x9F\xA6 don't  12345\r\n <|eot|>";
  try {
    const mmoe::Tokenizer tokenizer(input.substr(0, end), "tokenizer.json");
    for (const bool special : {false, true}) {
      std::vector<int32_t> ids;
      tokenizer.Encode(text, special, special, &ids);
      ids.push_back(tokenizer.vocab_size());
      ids.push_back(-1);
      std::string decoded;
      tokenizer.Decode(ids.data(), ids.size(), special, &decoded);
    }
  } catch (const mmoe::CoreError&) {
  }
  return 0;
}
