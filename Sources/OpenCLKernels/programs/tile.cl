// Register tiles of products on CPUs: ROWS rows of VECTORS vectors. It stands before gemm_panel.cl and narrow.cl.

#define LANES (VECTORS * VEC)
// Loops over tiles are unrolled, and tiles kept in registers, once their sizes are constants in the caller.
#define ALWAYS_INLINE static inline __attribute__((always_inline))

// A register tile: 0, or what the output has already.
ALWAYS_INLINE void begin_tile(floatv sum[ROWS][VECTORS], const int vectors, int rows, bool adding,
                              global const float *output, int pitch) {
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) sum[i][j] = adding ? LOADV(output + min(i, rows - 1) * pitch + j * VEC) : 0;
  }
}

// Writes a register tile of `vectors` vectors, of which `rows` rows and `columns` columns exist.
ALWAYS_INLINE void store_tile(floatv sum[ROWS][VECTORS], const int vectors, int rows, int columns, global float *output,
                              int pitch) {
  if (rows >= ROWS && columns >= vectors * VEC) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
#pragma unroll
      for (int j = 0; j < vectors; j++) {
        STOREV(sum[i][j], output + i * pitch + j * VEC);
      }
    }
    return;
  }
  float all[ROWS * LANES];
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) STOREV(sum[i][j], all + i * LANES + j * VEC);
  }
  for (int i = 0; i < min(rows, ROWS); i++) {
    for (int j = 0; j < min(columns, vectors * VEC); j++) output[i * pitch + j] = all[i * LANES + j];
  }
}
