// What a function with a ZA of its own calls if its caller has left one behind: libgcc 14, compiler-rt 18 and newer systems
// have it, but an app must also start where it is missing. Weak, so that theirs may be linked in its place.

// Stores the dormant ZA to the block that TPIDR2_EL0 points to, as the procedure call standard (AAPCS64, "lazy saving") has
// it: a buffer at 0, the number of slices at 8. Only x14 to x17 may change.
extern "C" __attribute__((weak, visibility("hidden"), naked)) void __arm_tpidr2_save() {
  __asm__(
      "mrs x14, TPIDR2_EL0\n"
      "cbz x14, 2f\n"
      "ldr x16, [x14]\n"
      "cbz x16, 2f\n"
      "ldrh w17, [x14, #8]\n"
      "rdsvl x14, #1\n"
      "mov x15, #0\n"
      "1:\n"
      "cmp x15, x17\n"
      "b.hs 2f\n"
      "str za[w15, 0], [x16]\n"
      "add x16, x16, x14\n"
      "add x15, x15, #1\n"
      "b 1b\n"
      "2:\n"
      "ret\n");
}
