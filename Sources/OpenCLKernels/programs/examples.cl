// Examples that lie on the device: a batch is gathered by a list of picks (example, first column, step of columns, lines
// down), as ExamplePick in Sources/Trainer/Backend/ResidentExamples.swift says.

// output [count, lines, width, channels] = table[channel][pixel], black outside. Work-items: elements of a line, lines of
// all images.
kernel void gather_pixels(global const uchar *restrict pixels, ulong pixels_offset, global const float *restrict table,
                          ulong table_offset, global const int4 *restrict picks, ulong picks_offset,
                          global float *restrict output, ulong output_offset, int lines, int width, int channels,
                          int count) {
  pixels += 4 * pixels_offset, picks += picks_offset / 4;
  SLICE(table), SLICE(output);
  int element = get_global_id(0);
  int line = get_global_id(1);
  if (element >= width * channels || line >= count * lines) return;
  int place = line / lines;
  int4 pick = picks[place];
  int x = element / channels;
  int channel = element - x * channels;
  int from_x = pick.y + pick.z * x;
  int from_y = line - place * lines + pick.w;
  bool inside = from_x >= 0 && from_x < width && from_y >= 0 && from_y < lines;
  size_t from = (((size_t)pick.x * lines + from_y) * width + from_x) * channels + channel;
  int pixel = inside ? pixels[from] : 0;
  output[(size_t)line * width * channels + element] = table[256 * channel + pixel];
}

// output [count, size] = the picked rows of numbers [examples, size]. Work-items: elements of a row, rows.
kernel void gather_numbers(global const float *restrict numbers, ulong numbers_offset, global const int4 *restrict picks,
                           ulong picks_offset, global float *restrict output, ulong output_offset, int size,
                           int count) {
  picks += picks_offset / 4;
  SLICE(numbers), SLICE(output);
  int element = get_global_id(0);
  int row = get_global_id(1);
  if (element < size && row < count)
    output[(size_t)row * size + element] = numbers[(size_t)picks[row].x * size + element];
}
