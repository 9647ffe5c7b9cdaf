// What a test program is linked with to have AVX-VNNI on every processor with AVX2. The linker leads calls of HasAvxVnni here
// (--wrap); the library itself has no such door.

#include "kernels/isa/cpu_features.h"
#include "tests/avx_vnni_emulator.h"

extern "C" bool __real__ZN4mmoe10HasAvxVnniEv();

extern "C" bool __wrap__ZN4mmoe10HasAvxVnniEv() {
  static const bool has = [] {
    if (__real__ZN4mmoe10HasAvxVnniEv()) return true;
    if (!mmoe::HasAvx2()) return false;
    mmoe::InstallAvxVnniEmulator();
    return true;
  }();
  return has;
}
