#include "tests/avx_vnni_emulator.h"

#include <cpuid.h>
#include <signal.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace mmoe {
namespace {

constexpr int kLaneBytes = 16;
constexpr int kRegisterBytes = 32;

// The registers of a signal's frame, in the format of XSAVE (Intel's manual, volume 1, chapter 13): XMM where FXSAVE has them,
// then a header, and the upper halves of YMM where CPUID says. The header tells which of them are stored; others are zero.
class VectorRegisters {
 public:
  explicit VectorRegisters(const ucontext_t& context)
      : area_(reinterpret_cast<uint8_t*>(context.uc_mcontext.fpregs)) {
    uint32_t magic;
    std::memcpy(&magic, area_ + kSoftwareBytes, sizeof magic);
    if (magic != kExtendedMagic) std::abort();  // Linux without XSAVE has no AVX
    Store(kXmm, kXmmPart, 1);
    Store(UpperHalves(), kYmmPart, 1);
  }

  void Load(int number, uint8_t* to) const {
    std::memcpy(to, Half(number, 0), kLaneBytes);
    std::memcpy(to + kLaneBytes, Half(number, 1), kLaneBytes);
  }

  void Save(int number, const uint8_t* from) {
    std::memcpy(Half(number, 0), from, kLaneBytes);
    std::memcpy(Half(number, 1), from + kLaneBytes, kLaneBytes);
  }

 private:
  static constexpr size_t kXmm = 160, kSoftwareBytes = 464, kHeader = 512;
  static constexpr uint32_t kExtendedMagic = 0x46505853;
  static constexpr int kXmmPart = 1, kYmmPart = 2;

  static size_t UpperHalves() {
    static const size_t offset = [] {
      unsigned size = 0, at = 0, ecx = 0, edx = 0;
      __cpuid_count(0xd, kYmmPart, size, at, ecx, edx);
      return size_t{at};
    }();
    return offset;
  }

  uint8_t* Half(int number, int half) const {
    return area_ + (half == 0 ? kXmm : UpperHalves()) + kLaneBytes * static_cast<size_t>(number);
  }

  // Makes zeros explicit.
  void Store(size_t at, int part, uint64_t one) {
    uint64_t stored;
    std::memcpy(&stored, area_ + kHeader, sizeof stored);
    if ((stored & (one << part)) != 0) return;
    std::memset(area_ + at, 0, 16 * kLaneBytes);
    stored |= one << part;
    std::memcpy(area_ + kHeader, &stored, sizeof stored);
  }

  uint8_t* area_;
};

// By their numbers in instructions.
constexpr int kGeneralRegisters[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};

// Three bytes of VEX, the operation, ModRM, and what ModRM asks for (Intel's manual, volume 2, chapter 2). Of an instruction
// no byte is read before those in front of it belong to one of ours.
class Decoder {
 public:
  explicit Decoder(const ucontext_t& context)
      : registers_(context.uc_mcontext.gregs), at_(reinterpret_cast<const uint8_t*>(registers_[REG_RIP])) {}

  bool Decode() {
    if (Next() != 0xc4) return false;
    const uint8_t extensions = Next();
    if ((extensions & 0x1f) != 2) return false;  // 0F 38
    const uint8_t fields = Next();
    if ((fields & 0x83) != 1) return false;  // W0, 66
    const uint8_t operation = Next();
    if (operation != 0x50 && operation != 0x52) return false;
    words = operation == 0x52;
    bytes = (fields & 4) != 0 ? kRegisterBytes : kLaneBytes;
    first = ~fields >> 3 & 15;
    const uint8_t modrm = Next();
    sums = (modrm >> 3 & 7) | Extension(extensions, 7);
    const int base = (modrm & 7) | Extension(extensions, 5);
    if (modrm >> 6 == 3) {
      second = base;
    } else {
      memory = Address(modrm >> 6, base, extensions);
    }
    return true;
  }

  const uint8_t* end() const { return at_; }

  bool words;  // int16 pairs, or else bytes in fours
  int bytes;
  int sums, first;
  int second = 0;
  const uint8_t* memory = nullptr;  // of the second factor, instead of a register

 private:
  uint8_t Next() { return *at_++; }

  template <class Integer>
  int64_t Displacement() {
    Integer value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  // The register number's fourth bit, which is stored inverted.
  static int Extension(uint8_t extensions, int bit) { return (~extensions >> bit & 1) << 3; }

  int64_t General(int number) const { return registers_[kGeneralRegisters[number]]; }

  const uint8_t* Address(int mode, int base, uint8_t extensions) {
    int64_t address = 0;
    bool without_base = mode == 0 && (base & 7) == 5;
    const bool relative = without_base;  // to the next instruction
    if ((base & 7) == 4) {
      const uint8_t sib = Next();
      const int index = (sib >> 3 & 7) | Extension(extensions, 6);
      base = (sib & 7) | Extension(extensions, 5);
      without_base = mode == 0 && (base & 7) == 5;
      if (index != 4) address += static_cast<int64_t>(static_cast<uint64_t>(General(index)) << (sib >> 6));
    }
    if (!without_base) address += General(base);
    if (mode == 1) address += Displacement<int8_t>();
    if (mode == 2 || without_base) address += Displacement<int32_t>();
    if (relative) address += reinterpret_cast<int64_t>(at_);
    return reinterpret_cast<const uint8_t*>(address);
  }

  const greg_t* registers_;
  const uint8_t* at_;
};

template <class First, class Second>
void AddProducts(const uint8_t* first, const uint8_t* second, int bytes, uint8_t* sums) {
  for (int lane = 0; lane < bytes; lane += 4) {
    uint32_t sum;
    std::memcpy(&sum, sums + lane, sizeof sum);
    for (size_t at = static_cast<size_t>(lane); at < static_cast<size_t>(lane) + 4; at += sizeof(First)) {
      First a;
      Second b;
      std::memcpy(&a, first + at, sizeof a);
      std::memcpy(&b, second + at, sizeof b);
      sum += static_cast<uint32_t>(int32_t{a} * int32_t{b});
    }
    std::memcpy(sums + lane, &sum, sizeof sum);
  }
}

struct sigaction replaced;

void OnIllegalInstruction(int, siginfo_t*, void* context) {
  auto& stopped = *static_cast<ucontext_t*>(context);
  if (EmulateAvxVnni(stopped)) {
    // Products stand side by side, and a signal takes a hundred times as long as one.
    while (EmulateAvxVnni(stopped)) continue;
    return;
  }
  sigaction(SIGILL, &replaced, nullptr);  // raised again there
}

}  // namespace

bool EmulateAvxVnni(ucontext_t& context) {
  Decoder instruction(context);
  if (!instruction.Decode()) return false;
  VectorRegisters registers(context);
  uint8_t sums[kRegisterBytes], first[kRegisterBytes], second[kRegisterBytes];
  registers.Load(instruction.sums, sums);
  registers.Load(instruction.first, first);
  if (instruction.memory == nullptr) {
    registers.Load(instruction.second, second);
  } else {
    std::memcpy(second, instruction.memory, static_cast<size_t>(instruction.bytes));
  }
  if (instruction.words) {
    AddProducts<int16_t, int16_t>(first, second, instruction.bytes, sums);
  } else {
    AddProducts<uint8_t, int8_t>(first, second, instruction.bytes, sums);
  }
  std::memset(sums + instruction.bytes, 0, static_cast<size_t>(kRegisterBytes - instruction.bytes));
  registers.Save(instruction.sums, sums);
  context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(instruction.end());
  return true;
}

void InstallAvxVnniEmulator() {
  struct sigaction action = {};
  action.sa_sigaction = OnIllegalInstruction;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &replaced);
}

}  // namespace mmoe
