// The first n bytes of eight as a word, where vectors have no masks: from memory, the rest 0, without touching those behind
// them, and back into it. In pieces of 4, 2 and 1, because of a loop over bytes the compiler would make vectors.
#pragma once

KERNEL_INLINE uint64_t load_word(const int8_t *p, size_t n) {
  uint64_t word = 0;
  if (n >= 8) {
    memcpy(&word, p, 8);
    return word;
  }
  if (n >= 4) {
    // The second piece ends with the last byte, and overlaps the first.
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + n - 4, 4);
    return low | (uint64_t)high << 8 * (n - 4);
  }
  if (n & 2) memcpy(&word, p, 2);
  if (n & 1) word |= (uint64_t)(uint8_t)p[n - 1] << 8 * (n - 1);
  return word;
}

KERNEL_INLINE void store_word(int8_t *p, uint64_t word, size_t n) {
  if (n >= 8) {
    memcpy(p, &word, 8);
    return;
  }
  if (n & 4) {
    memcpy(p, &word, 4);
    p += 4, word >>= 32;
  }
  if (n & 2) {
    memcpy(p, &word, 2);
    p += 2, word >>= 16;
  }
  if (n & 1) memcpy(p, &word, 1);
}
