// Sums over rows, in two steps of fixed order: parts, then the sum of the parts. And the packing of weights for products.

// parts[part] [columns] = Σ over the part's rows of values [rows, columns]. Work-items: vectors of columns, parts.
kernel void column_sums(global const float *values, ulong values_offset, global float *parts, ulong parts_offset, int rows,
                        int columns, int part_rows) {
  SLICE(values), SLICE(parts);
  int column = get_global_id(0) * VEC;
  int part = get_global_id(1);
  if (column >= columns) return;
  int last = min((part + 1) * part_rows, rows);
  floatv sum = 0;
  for (int row = part * part_rows; row < last; row++) sum += LOADV(values + (size_t)row * columns + column);
  store_lanes(sum, columns - column, parts + (size_t)part * columns + column);
}

// result [count] = Σ parts [number, count].
kernel void sum_parts(global const float *parts, ulong parts_offset, global float *result, ulong result_offset, int number,
                      int count) {
  SLICE(parts), SLICE(result);
  int i = get_global_id(0);
  if (i >= count) return;
  float sum = 0;
  for (int part = 0; part < number; part++) sum += parts[(size_t)part * count + i];
  result[i] = sum;
}

// parts[i] = Σ x² over `part_count` elements.
kernel void sum_of_squares(global const float *values, ulong values_offset, global float *parts, ulong parts_offset,
                           int count, int part_count) {
  SLICE(values), SLICE(parts);
  int part = get_global_id(0);
  int first = part * part_count;
  if (first >= count) return;
  int last = min(first + part_count, count);
  floatv sums = 0;
  int i = first;
  for (; i + VEC <= last; i += VEC) {
    floatv x = LOADV(values + i);
    sums += x * x;
  }
#if VEC == 1
  parts[part] = sums;
#else
  float all[VEC];
  STOREV(sums, all);
  float sum = 0;
  for (int lane = 0; lane < VEC; lane++) sum += all[lane];
  for (; i < last; i++) sum += values[i] * values[i];
  parts[part] = sum;
#endif
}

// See opencl_packing. Work-items: columns with the padding of the last panel, which becomes 0; PACK_DEPTH elements of
// depth; groups.
#define PACK_DEPTH 16
kernel void pack(global const float *restrict source, ulong source_offset, global float *restrict packed,
                 ulong packed_offset, opencl_packing packing, int group_source, int group_packed) {
  SLICE(source), SLICE(packed);
  int n = get_global_id(0);
  int k = get_global_id(1) * PACK_DEPTH;
  int panel = n / packing.panel;
  int columns = (packing.columns + packing.panel - 1) / packing.panel * packing.panel;
  if (n >= columns) return;
  bool exists = n < packing.columns;
  int last = min(k + PACK_DEPTH, packing.depth);
  int outer = k / packing.inner;
  int inner = k - outer * packing.inner;
  source += (size_t)get_global_id(2) * group_source + packing.first + n * packing.column_pitch;
  packed += (size_t)get_global_id(2) * group_packed + (size_t)panel * packing.depth * packing.panel + n -
            panel * packing.panel;
  for (; k < last; k++) {
    packed[(size_t)k * packing.panel] = exists ? source[outer * packing.outer_pitch + inner * packing.inner_pitch] : 0;
    if (++inner == packing.inner) {
      inner = 0;
      outer++;
    }
  }
}
