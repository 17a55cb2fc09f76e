// Weights into the order in which kernels read them (docs/kernels.md shows it). Everything here follows from a kernel's
// nr, kr and input_bias.
#include "target.h"

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t round_up(size_t a, size_t multiple) { return (a + multiple - 1) / multiple * multiple; }

static bool is_f32(const kernel *kernel) {
  return kernel->family == kernel_family_f32_igemm || kernel->family == kernel_family_f32_dwconv;
}

// Where column (or channel) c of a panel (or block) of s8 weights lies: narrowing and unpacking bytes work inside 16
// bytes, and want or leave column 4·vectors·L + 4·v + i in part L of vector v.
static size_t place_in_block(const kernel *kernel, size_t c) {
  const size_t vectors = kernel->block_vectors;
  return c / 4 % vectors * (kernel->nr / vectors) + c / (4 * vectors) * 4 + c % 4;
}

// The same for a panel of which `n` columns are there: where one of two vectors holds them, they lie in it in plain order.
static size_t place_in_panel(const kernel *kernel, size_t n, size_t c) {
  return kernel->block_vectors == 2 && n <= kernel->nr / 2u ? c : place_in_block(kernel, c);
}

// MARK: igemm: panels of [head nr][tap][k / kr][nr][kr]

size_t igemm_panel_size(const kernel *kernel, size_t taps, size_t depth) {
  const size_t element = is_f32(kernel) ? sizeof(float) : 1;
  return kernel->nr * (sizeof(int32_t) + taps * round_up(depth, kernel->kr) * element);
}

size_t igemm_packed_size(const kernel *kernel, size_t columns, size_t taps, size_t depth) {
  return round_up(columns, kernel->nr) / kernel->nr * igemm_panel_size(kernel, taps, depth);
}

void f32_igemm_pack(const kernel *kernel, size_t columns, size_t taps, size_t depth, const float *weights,
                    const float *bias, void *packed) {
  const size_t nr = kernel->nr, inputs = taps * depth;
  float *to = packed;
  for (size_t column = 0; column < columns; column += nr) {
    const size_t n = least(nr, columns - column);
    memset(to, 0, nr * sizeof *to);
    if (bias) memcpy(to, bias + column, n * sizeof *to);
    to += nr;
    const float *from = weights + column * inputs;
    for (size_t i = 0; i < inputs; i++, to += nr) {
      for (size_t c = 0; c < n; c++) to[c] = from[c * inputs + i];
      for (size_t c = n; c < nr; c++) to[c] = 0;
    }
  }
}

static int32_t sum_s8(const int8_t *elements, size_t count) {
  int32_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += elements[i];
  return sum;
}

// Weights of one panel of `n` columns, and the sum of each place's.
static void pack_panel_s8(const kernel *kernel, size_t n, size_t taps, size_t depth, const int8_t *weights,
                          int32_t *sums, int8_t *to) {
  const size_t nr = kernel->nr, kr = kernel->kr, inputs = taps * depth;
  size_t places[256];  // nr is a byte
  memset(sums, 0, nr * sizeof *sums);
  for (size_t c = 0; c < n; c++) {
    places[c] = place_in_panel(kernel, n, c);
    sums[places[c]] = sum_s8(weights + c * inputs, inputs);
  }
  for (size_t tap = 0; tap < taps; tap++, weights += depth) {
    for (size_t k = 0; k < depth; k += kr, to += nr * kr) {
      const size_t some = least(kr, depth - k);
      if (n < nr || some < kr) memset(to, 0, nr * kr);
      // A constant size makes it one load and one store.
      if (some == 8 && kr == 8) {
        for (size_t c = 0; c < n; c++) memcpy(to + places[c] * 8, weights + c * inputs + k, 8);
      } else if (some == 4 && kr == 4) {
        for (size_t c = 0; c < n; c++) memcpy(to + places[c] * 4, weights + c * inputs + k, 4);
      } else if (some == 2 && kr == 2) {
        for (size_t c = 0; c < n; c++) memcpy(to + places[c] * 2, weights + c * inputs + k, 2);
      } else {
        for (size_t c = 0; c < n; c++) memcpy(to + places[c] * kr, weights + c * inputs + k, some);
      }
    }
  }
}

// bias − (zero point + what the kernel adds to its inputs) × sum of the weights, modulo 2^32 as the kernels' sums.
static int32_t folded_bias(const kernel *kernel, int32_t bias, int32_t zero_point, int32_t sum) {
  return (int32_t)((uint32_t)bias - (uint32_t)(zero_point + kernel->input_bias) * (uint32_t)sum);
}

void qs8_igemm_pack(const kernel *kernel, size_t columns, size_t taps, size_t depth, const int8_t *weights,
                    const int32_t *bias, int32_t zero_point, void *packed) {
  const size_t nr = kernel->nr, size = igemm_panel_size(kernel, taps, depth);
  for (size_t column = 0; column < columns; column += nr, packed = (char *)packed + size) {
    int32_t *head = packed;
    const size_t n = least(nr, columns - column);
    pack_panel_s8(kernel, n, taps, depth, weights + column * taps * depth, head, (int8_t *)(head + nr));
    for (size_t c = 0; c < n; c++) {
      const size_t place = place_in_panel(kernel, n, c);
      head[place] = folded_bias(kernel, bias ? bias[column + c] : 0, zero_point, head[place]);
    }
  }
}

void qs8_f32_igemm_pack(const kernel *kernel, size_t columns, size_t taps, size_t depth, const int8_t *weights,
                        void *packed) {
  const size_t nr = kernel->nr, size = igemm_panel_size(kernel, taps, depth);
  for (size_t column = 0; column < columns; column += nr, packed = (char *)packed + size) {
    int32_t *head = packed;
    const size_t n = least(nr, columns - column);
    pack_panel_s8(kernel, n, taps, depth, weights + column * taps * depth, head, (int8_t *)(head + nr));
  }
}

// MARK: Winograd: the 36 places of G g Gᵀ, each packed as a product of one tap

typedef float float4 __attribute__((vector_size(16)));

// G (winograd/winograd.h) times a line of three, `from_step` apart, into a line of six.
static inline void winograd_weight_line(const float4 *g, size_t from_step, float4 *to, size_t to_step) {
  const float p = 0.70710678118654752f, q = 1.41421356237309505f;
  const float4 even_p = (g[0] + g[2 * from_step] * 0.5f) * (-2.0f / 3), odd_p = g[from_step] * (p * -2 / 3);
  const float4 even_q = (g[0] + g[2 * from_step] * 2.0f) * (1.0f / 6), odd_q = g[from_step] * (q / 6);
  to[0] = g[0];
  to[to_step] = even_p + odd_p;
  to[2 * to_step] = even_p - odd_p;
  to[3 * to_step] = even_q + odd_q;
  to[4 * to_step] = even_q - odd_q;
  to[5 * to_step] = g[2 * from_step];
}

// All places of four inputs (`n` of them there) of the window of one column, `depth` apart.
static inline void winograd_weights(const float *weights, size_t depth, size_t n, float4 *places) {
  float4 window[9], lines[18];
  for (size_t tap = 0; tap < 9; tap++) {
    window[tap] = (float4){0};
    memcpy(&window[tap], weights + tap * depth, n * sizeof *weights);
  }
  for (size_t x = 0; x < 3; x++) winograd_weight_line(window + x, 3, lines + x, 3);
  for (size_t y = 0; y < 6; y++) winograd_weight_line(lines + 3 * y, 1, places + 6 * y, 1);
}

void f32_winograd_pack(const kernel *kernel, size_t columns, size_t depth, const float *weights, void *packed) {
  enum { SIDE = 4, PLACES = 36 };
  const size_t nr = kernel->nr, panel = igemm_panel_size(kernel, 1, depth) / sizeof(float);
  const size_t place_size = igemm_packed_size(kernel, columns, 1, depth) / sizeof(float);
  for (size_t column = 0; column < columns; column += nr) {
    float *to = (float *)packed + column / nr * panel;
    for (size_t place = 0; place < PLACES; place++) memset(to + place * place_size, 0, nr * sizeof *to);
    // Squares of four columns by four inputs, because columns have to come to lie side by side.
    for (size_t c = 0; c < nr; c += SIDE) {
      for (size_t k = 0; k < depth; k += SIDE) {
        const size_t n = least(SIDE, depth - k);
        float4 places[SIDE][PLACES];
        for (size_t i = 0; i < SIDE; i++) {
          if (column + c + i < columns) {
            winograd_weights(weights + (column + c + i) * 9 * depth + k, depth, n, places[i]);
          } else {
            memset(places[i], 0, sizeof places[i]);
          }
        }
        float *square = to + nr * (1 + k) + c;
        for (size_t place = 0; place < PLACES; place++, square += place_size) {
          const float4 ab_low = __builtin_shufflevector(places[0][place], places[1][place], 0, 4, 1, 5);
          const float4 ab_high = __builtin_shufflevector(places[0][place], places[1][place], 2, 6, 3, 7);
          const float4 cd_low = __builtin_shufflevector(places[2][place], places[3][place], 0, 4, 1, 5);
          const float4 cd_high = __builtin_shufflevector(places[2][place], places[3][place], 2, 6, 3, 7);
          const float4 rows[SIDE] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                                     __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                                     __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                                     __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
          for (size_t i = 0; i < n; i++) memcpy(square + i * nr, &rows[i], sizeof rows[i]);
        }
      }
    }
  }
}

// MARK: dwconv: blocks of [head nr][tap / kr][nr][kr], taps column by column

// Taps of a column, as the kernel takes them: a kernel made for square windows slides column by column and groups the
// taps of each; any other takes all taps as one column. The window itself need not be square, it is the number of taps
// that counts.
static size_t column_height(const kernel *kernel, size_t taps) {
  if (kernel->taps == 0) return taps;
  size_t height = 1;
  while (height * height < kernel->taps) height++;
  return height;
}

// Groups of kr taps in `columns` columns.
static size_t groups_in(const kernel *kernel, size_t columns, size_t height) {
  return columns * (round_up(height, kernel->kr) / kernel->kr);
}

size_t dwconv_block_size(const kernel *kernel, size_t height, size_t width) {
  const size_t element = is_f32(kernel) ? sizeof(float) : 1, column = column_height(kernel, height * width);
  const size_t groups = groups_in(kernel, height * width / column, column);
  return kernel->nr * (sizeof(int32_t) + groups * kernel->kr * element);
}

size_t dwconv_packed_size(const kernel *kernel, size_t channels, size_t height, size_t width) {
  return round_up(channels, kernel->nr) / kernel->nr * dwconv_block_size(kernel, height, width);
}

void f32_dwconv_pack(const kernel *kernel, size_t channels, size_t height, size_t width, const float *weights,
                     const float *bias, void *packed) {
  const size_t nr = kernel->nr;
  memset(packed, 0, dwconv_packed_size(kernel, channels, height, width));
  float *to = packed;
  for (size_t channel = 0; channel < channels; channel += nr) {
    const size_t n = least(nr, channels - channel);
    if (bias) memcpy(to, bias + channel, n * sizeof *to);
    to += nr;
    for (size_t x = 0; x < width; x++) {
      for (size_t y = 0; y < height; y++, to += nr) {
        memcpy(to, weights + (y * width + x) * channels + channel, n * sizeof *to);
      }
    }
  }
}

// Weights of one block of `n` channels, of which `weights` is the first, and the sum of each place's.
static void pack_block_s8(const kernel *kernel, size_t n, size_t channels, size_t height, size_t width,
                          const int8_t *weights, int32_t *sums, int8_t *to) {
  const size_t nr = kernel->nr, kr = kernel->kr;
  memset(sums, 0, nr * sizeof *sums);
  const size_t column = column_height(kernel, height * width);
  memset(to, 0, nr * kr * groups_in(kernel, height * width / column, column));
  for (size_t x = 0; x < width; x++) {
    for (size_t y = 0; y < height; y++) {
      const size_t number = x * height + y;
      const size_t tap = groups_in(kernel, number / column, column) * kr + number % column;
      const int8_t *from = weights + (y * width + x) * channels;
      int8_t *group = to + tap / kr * nr * kr + tap % kr;
      for (size_t c = 0; c < n; c++) {
        const size_t place = place_in_block(kernel, c);
        group[place * kr] = from[c];
        sums[place] += from[c];
      }
    }
  }
}

void qs8_dwconv_pack(const kernel *kernel, size_t channels, size_t height, size_t width, const int8_t *weights,
                     const int32_t *bias, int32_t zero_point, void *packed) {
  const size_t nr = kernel->nr, size = dwconv_block_size(kernel, height, width);
  for (size_t channel = 0; channel < channels; channel += nr, packed = (char *)packed + size) {
    int32_t *head = packed;
    const size_t n = least(nr, channels - channel);
    pack_block_s8(kernel, n, channels, height, width, weights + channel, head, (int8_t *)(head + nr));
    for (size_t c = 0; c < n; c++) {
      const size_t place = place_in_block(kernel, c);
      head[place] = folded_bias(kernel, bias ? bias[channel + c] : 0, zero_point, head[place]);
    }
  }
}

void qs8_f32_dwconv_pack(const kernel *kernel, size_t channels, size_t height, size_t width, const int8_t *weights,
                         void *packed) {
  const size_t nr = kernel->nr, size = dwconv_block_size(kernel, height, width);
  for (size_t channel = 0; channel < channels; channel += nr, packed = (char *)packed + size) {
    int32_t *head = packed;
    const size_t n = least(nr, channels - channel);
    pack_block_s8(kernel, n, channels, height, width, weights + channel, head, (int8_t *)(head + nr));
  }
}

void kernels_repeat(size_t count, size_t size, size_t repeats, const void *input, void *output) {
  const char *from = input;
  char *to = output;
  for (size_t i = 0; i < count; i++, from += size) {
    for (size_t r = 0; r < repeats; r++, to += size) memcpy(to, from, size);
  }
}
