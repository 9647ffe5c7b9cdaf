#pragma once

namespace mmoe {

// In which order StoreInt16 leaves each 64 values of a row: that in which an instruction set packs them to int8. Tables of the
// same order read each other's rows.
enum class Int16Order { kPlain, kAvx2Packs, kAvx512Packs };

}  // namespace mmoe
