#pragma once

#include <vector>

namespace mmoe::fuzz {

// What the mutator knows of a flatbuffer's schema: of each type of table its fields, in order.
enum class FieldKind {
  kScalar,       // of `bytes`
  kScalars,      // a vector of them
  kString,       // bytes behind an offset
  kTable,        // of type `target`
  kTables,       // a vector of offsets to such tables
  kUnionType,    // one byte; the member lies in the next field
  kUnionMember,  // of one of `members`, numbered from 1
};

struct FieldType {
  FieldKind kind;
  int bytes = 0;
  int target = -1;                // index of the table's type
  std::vector<int> members = {};  // -1: a table without fields
};

struct TableType {
  const char* name;
  std::vector<FieldType> fields;
  bool opaque = false;  // no description: every field that a table has is taken for a scalar of 4 bytes
};

// Of ExecuTorch's program.fbs; the root is the first.
const std::vector<TableType>& ProgramTypes();

// Of the values and nodes in XNNPACK's payload; the root is the first.
const std::vector<TableType>& XnnpackTypes();

}  // namespace mmoe::fuzz
