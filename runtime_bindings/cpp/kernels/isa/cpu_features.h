#pragma once

namespace mmoe {

// What the processor and the operating system support, asked at run time. All false on other architectures.
bool HasAvx2();     // with F16C
bool HasAvxVnni();  // with all of HasAvx2
bool HasAvx512Vnni();
bool HasNeon();
bool HasNeonDotprod();
bool HasNeonI8mm();
bool HasSme2();  // with all of HasNeonI8mm

}  // namespace mmoe
