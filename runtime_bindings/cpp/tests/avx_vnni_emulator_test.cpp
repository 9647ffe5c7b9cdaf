// The emulator against plain loops, instruction by instruction. On a processor that has them the loops are compared with it.

#include "tests/avx_vnni_emulator.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/isa/cpu_features.h"
#include "kernels/isa/isa.h"

namespace mmoe {
namespace {

using Register = std::array<uint8_t, 32>;
using Registers = std::array<Register, 16>;

constexpr int kRsp = 4, kRbp = 5, kRdi = 7;
constexpr int kNone = -1;

// The second factor in memory: a base, which may be missing, index * 2^scale and a displacement of 0, 1 or 4 bytes.
struct Memory {
  int base;
  int index;
  int scale;
  int displacement_bytes;
};

struct Instruction {
  bool words;
  bool wide;
  int sums, first;
  int second;             // register, or kNone
  Memory memory;          // then
  bool relative = false;  // to the next instruction, instead of `memory`
};

// A page of code and, behind it, bytes that the code can address relative to itself.
class Page {
 public:
  Page()
      : code_(static_cast<uint8_t*>(
            mmap(nullptr, kBytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Page() { munmap(code_, kBytes); }
  Page(const Page&) = delete;

  // Not at the page's start: a sanitizer may look for a function's type in front of it.
  uint8_t* code() { return code_ + 64; }
  uint8_t* data() { return code_ + kBytes / 2; }

 private:
  static constexpr size_t kBytes = 8192;
  uint8_t* code_;
};

class Assembler {
 public:
  explicit Assembler(uint8_t* at) : at_(at) {}

  void Bytes(std::initializer_list<int> bytes) {
    for (const int byte : bytes) *at_++ = static_cast<uint8_t>(byte);
  }

  template <class Integer>
  void Value(Integer value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }

  void SetGeneral(int number, int64_t value) {  // mov r64, imm64
    Bytes({number < 8 ? 0x48 : 0x49, 0xb8 + (number & 7)});
    Value(value);
  }

  // vmovdqu between all YMM registers and memory at rdi.
  void MoveAll(int operation) {
    for (int number = 0; number < 16; ++number) {
      Bytes({0xc4, number < 8 ? 0xe1 : 0x61, 0x7e, operation, 0x87 | (number & 7) << 3});
      Value(int32_t{32} * number);
    }
  }

  void Product(const Instruction& instruction, const uint8_t* data) {
    const bool in_memory = instruction.second == kNone;
    const int base = !in_memory ? instruction.second : instruction.memory.base,
              index = in_memory ? instruction.memory.index : 0;
    const auto inverted = [](int number, int bit) { return number >= 8 ? 0 : 1 << bit; };
    Bytes({0xc4, inverted(instruction.sums, 7) | inverted(index, 6) | inverted(base, 5) | 2,
           (~instruction.first & 15) << 3 | (instruction.wide ? 4 : 0) | 1, instruction.words ? 0x52 : 0x50});
    const int reg = (instruction.sums & 7) << 3;
    if (!in_memory) return Bytes({0xc0 | reg | (base & 7)});
    if (instruction.relative) {
      Bytes({reg | 5});
      return Value(static_cast<int32_t>(data - (at_ + 4)));
    }
    const int size = instruction.memory.displacement_bytes;
    const int mode = base == kNone || size == 0 ? 0 : size == 1 ? 0x40 : 0x80;
    if (base != kNone && index == kNone && (base & 7) != kRsp) {
      Bytes({mode | reg | (base & 7)});
    } else {
      Bytes({mode | reg | 4, instruction.memory.scale << 6 | ((index == kNone ? 4 : index) & 7) << 3 |
                                 ((base == kNone ? 5 : base) & 7)});
    }
    if (size == 1) Value(static_cast<int8_t>(kDisplacement));
    if (size == 4) Value(kDisplacement);
  }

  // Less than the 128 bytes below rsp that a signal leaves alone.
  static constexpr int32_t kDisplacement = -96;

 private:
  uint8_t* at_;
};

// The registers after the instruction, which may have a factor at `memory`.
Registers Execute(const Instruction& instruction, Registers registers, Page& page, const uint8_t* memory) {
  uint64_t saved_rsp = 0;
  Assembler assembler(page.code());
  assembler.Bytes({0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});  // push rbx, rbp, r12..r15
  assembler.SetGeneral(0, reinterpret_cast<int64_t>(&saved_rsp));
  assembler.Bytes({0x48, 0x89, 0x20});  // mov [rax], rsp
  assembler.MoveAll(0x6f);              // rdi is the function's argument
  if (instruction.second == kNone && !instruction.relative) {
    const auto [base, index, scale, displacement_bytes] = instruction.memory;
    int64_t address = reinterpret_cast<int64_t>(memory);
    if (displacement_bytes > 0) address -= Assembler::kDisplacement;
    if (base == kNone) {
      assembler.SetGeneral(index, address);
    } else {
      constexpr int64_t kIndex = 24;
      if (index != kNone) {
        assembler.SetGeneral(index, kIndex);
        address -= kIndex * (1 << scale);
      }
      assembler.SetGeneral(base, address);
    }
  }
  assembler.Product(instruction, page.data());
  assembler.SetGeneral(0, reinterpret_cast<int64_t>(&saved_rsp));
  assembler.Bytes({0x48, 0x8b, 0x20});  // mov rsp, [rax]
  assembler.SetGeneral(kRdi, reinterpret_cast<int64_t>(registers.data()));
  assembler.MoveAll(0x7f);
  // vzeroupper, pop r15..r12, rbp, rbx, ret
  assembler.Bytes({0xc5, 0xf8, 0x77, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3});
  void (*function)(void*);
  const uint8_t* code = page.code();
  std::memcpy(&function, &code, sizeof function);
  function(registers.data());
  return registers;
}

// What the instruction is defined as.
Register Expected(const Instruction& instruction, const Register& sums, const Register& first,
                  const Register& second) {
  Register result = {};
  for (size_t lane = 0; lane < (instruction.wide ? 8u : 4u); ++lane) {
    int32_t start;
    std::memcpy(&start, &sums[4 * lane], sizeof start);
    int64_t sum = start;
    if (instruction.words) {
      for (size_t i = 0; i < 2; ++i) {
        int16_t a, b;
        std::memcpy(&a, &first[4 * lane + 2 * i], sizeof a);
        std::memcpy(&b, &second[4 * lane + 2 * i], sizeof b);
        sum += int64_t{a} * b;
      }
    } else {
      for (size_t i = 0; i < 4; ++i)
        sum += int64_t{first[4 * lane + i]} * static_cast<int8_t>(second[4 * lane + i]);
    }
    const auto wrapped = static_cast<uint32_t>(sum);
    std::memcpy(&result[4 * lane], &wrapped, sizeof wrapped);
  }
  return result;
}

class AvxVnniEmulator : public testing::Test {
 protected:
  void SetUp() override {
    // Installs the emulator if need be.
    if (!HasAvxVnni()) GTEST_SKIP() << "this processor has no AVX2";
  }

  void Check(const Instruction& instruction) {
    Registers registers;
    for (Register& one : registers) Fill(one.data());
    // In the middle, because rsp may point to it and a signal's frame lies below; at no multiple of anything.
    uint8_t* memory = instruction.relative ? page_.data() : stack_.data() + stack_.size() / 2 + 5;
    Fill(memory);
    Register second;
    std::memcpy(second.data(), memory, second.size());
    if (instruction.second != kNone) second = registers[static_cast<size_t>(instruction.second)];
    const Registers found = Execute(instruction, registers, page_, memory);
    Registers expected = registers;
    const auto sums = static_cast<size_t>(instruction.sums);
    expected[sums] =
        Expected(instruction, registers[sums], registers[static_cast<size_t>(instruction.first)], second);
    EXPECT_TRUE(found == expected) << (instruction.words ? "vpdpwssd " : "vpdpbusd ") << instruction.sums
                                   << ", " << instruction.first << ", " << instruction.second << ", base "
                                   << instruction.memory.base << ", index " << instruction.memory.index;
  }

  // All four kinds of a form.
  void CheckKinds(Instruction instruction) {
    for (const bool words : {false, true}) {
      for (const bool wide : {false, true}) {
        instruction.words = words;
        instruction.wide = wide;
        Check(instruction);
      }
    }
  }

 private:
  void Fill(uint8_t* to) {
    for (int i = 0; i < 32; ++i) {
      // The extremes a third of the time, so that sums wrap.
      const unsigned value = random_();
      to[i] = static_cast<uint8_t>(value % 3 == 0 ? (value & 256 ? 0x80 : 0x7f) : value >> 12);
    }
  }

  std::mt19937 random_{1};
  Page page_;
  std::vector<uint8_t> stack_ = std::vector<uint8_t>(1 << 18);
};

TEST_F(AvxVnniEmulator, BringsTheInstructionSet) {
  const char* error = nullptr;
  EXPECT_NE(FindKernels("avx_vnni", &error), nullptr) << error;
}

TEST_F(AvxVnniEmulator, ComputesWithAllRegisters) {
  for (int sums = 0; sums < 16; ++sums) {
    for (int first = 0; first < 16; ++first) {
      for (int second = 0; second < 16; ++second) CheckKinds({false, false, sums, first, second, {}});
    }
  }
}

TEST_F(AvxVnniEmulator, ReadsMemoryAtEveryKindOfAddress) {
  for (int base = kNone; base < 16; ++base) {
    for (int index = kNone; index < 16; ++index) {
      if (index == kRsp || index == base)
        continue;  // no such index, and values that this test cannot set apart
      for (const int size : {0, 1, 4}) {
        if (size == 0 && (base & 7) == kRbp) continue;  // stands for no base
        if (base == kNone && size != 4) continue;
        const int scale = base == kNone || index == kNone ? 0 : (base + index) % 4;
        CheckKinds(
            {false, false, (base + index + 1) % 16, (index + 1) & 15, kNone, {base, index, scale, size}});
      }
    }
  }
  for (int sums = 0; sums < 16; ++sums) CheckKinds({false, false, sums, 15 - sums, kNone, {}, true});
}

TEST_F(AvxVnniEmulator, LeavesOtherInstructionsToTheSystem) {
  Page page;
  const auto run = [&](std::initializer_list<int> bytes) {
    Assembler assembler(page.code());
    assembler.Bytes(bytes);
    assembler.Bytes({0xc3});
    void (*function)();
    const uint8_t* code = page.code();
    std::memcpy(&function, &code, sizeof function);
    function();
  };
  EXPECT_EXIT(run({0x0f, 0x0b}), testing::KilledBySignal(SIGILL), "");                    // ud2
  EXPECT_EXIT(run({0xc4, 0xe2, 0xf5, 0x50, 0xc2}), testing::KilledBySignal(SIGILL), "");  // vpdpbusd with W1
}

}  // namespace
}  // namespace mmoe
