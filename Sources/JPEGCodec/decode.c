#ifndef EDGERUN_NO_JPEG

#include "errors.h"

#include <jerror.h>
#include <string.h>

typedef struct {
  jpeg_errors errors;
  struct jpeg_decompress_struct info;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  bool grey;
  jpeg_codec_header *header;
  int eighths;
  uint8_t *pixels;
  size_t capacity;
} decoding;

// The whole file is in memory: whoever asks for more has come to its end.
static boolean no_more_input(j_decompress_ptr info) {
  ERREXIT(info, JERR_INPUT_EOF);
  return FALSE;
}

static void skip_input(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if ((unsigned long)count > info->src->bytes_in_buffer) ERREXIT(info, JERR_INPUT_EOF);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= (size_t)count;
}

static void nothing_to_do(j_decompress_ptr info) { (void)info; }

static void limit_scans(j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number > JPEG_CODEC_MAX_SCANS) {
    jpeg_errors_fail((jpeg_errors *)info->err, JPEG_CODEC_TOO_LARGE, "too many scans");
  }
}

static void initialize(decoding *job, const uint8_t *bytes, size_t count, bool grey, char *message) {
  memset(job, 0, sizeof *job);
  jpeg_errors_initialize(&job->errors, message);
  job->info.err = &job->errors.manager;
  job->source = (struct jpeg_source_mgr){
      .next_input_byte = bytes,
      .bytes_in_buffer = count,
      .init_source = nothing_to_do,
      .fill_input_buffer = no_more_input,
      .skip_input_data = skip_input,
      .resync_to_restart = jpeg_resync_to_restart,
      .term_source = nothing_to_do,
  };
  job->progress.progress_monitor = limit_scans;
  job->grey = grey;
}

// Reads up to the first scan and decides the output's colour space. Returns its channels: 1, 3, or 4 for CMYK.
static int read_header(decoding *job) {
  j_decompress_ptr info = &job->info;
  jpeg_create_decompress(info);
  info->src = &job->source;
  info->progress = &job->progress;
  info->mem->max_memory_to_use = JPEG_CODEC_MAX_MEMORY;
  jpeg_read_header(info, TRUE);
  switch (info->jpeg_color_space) {
    case JCS_GRAYSCALE:
      info->out_color_space = JCS_GRAYSCALE;
      return 1;
    case JCS_YCbCr:
      info->out_color_space = job->grey ? JCS_GRAYSCALE : JCS_RGB;
      return job->grey ? 1 : 3;
    case JCS_RGB:
      info->out_color_space = JCS_RGB;
      return 3;
    case JCS_CMYK:
    case JCS_YCCK:
      info->out_color_space = JCS_CMYK;
      return 4;
    default:
      jpeg_errors_fail(&job->errors, JPEG_CODEC_UNSUPPORTED, "unknown colour space");
  }
}

static void measure(void *context) {
  decoding *job = context;
  int channels = read_header(job);
  *job->header = (jpeg_codec_header){
      .width = job->info.image_width,
      .height = job->info.image_height,
      .channels = channels == 4 ? 3 : channels,
  };
}

// Ink to light. Adobe's files, which is nearly all of them, store 255 − ink.
static void convert_cmyk_row(const uint8_t *cmyk, size_t width, bool inverted, uint8_t *rgb) {
  uint8_t flip = inverted ? 0 : 255;
  for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    unsigned black = cmyk[3] ^ flip;
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(((cmyk[c] ^ flip) * black + 127) / 255);
  }
}

static void decode(void *context) {
  decoding *job = context;
  j_decompress_ptr info = &job->info;
  bool cmyk = read_header(job) == 4;
  info->scale_num = (unsigned)job->eighths;
  info->scale_denom = 8;
  info->dct_method = JDCT_ISLOW;
  info->do_block_smoothing = FALSE;
  jpeg_start_decompress(info);

  size_t channels = cmyk ? 3 : (size_t)info->output_components;
  size_t width = info->output_width;
  if (info->output_height > job->capacity / (width * channels)) {
    jpeg_errors_fail(&job->errors, JPEG_CODEC_TOO_LARGE, "the buffer is smaller than the picture");
  }
  JSAMPARRAY scratch = NULL;
  if (cmyk) {
    JDIMENSION row_bytes = info->output_width * 4;
    scratch = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, row_bytes, 1);
  }
  while (info->output_scanline < info->output_height) {
    JSAMPROW row = job->pixels + (size_t)info->output_scanline * width * channels;
    if (cmyk) {
      jpeg_read_scanlines(info, scratch, 1);
      convert_cmyk_row(scratch[0], width, info->saw_Adobe_marker, row);
    } else {
      jpeg_read_scanlines(info, &row, 1);
    }
  }
  // Runs to the end-of-image marker: a file without it is truncated, even when all rows are there.
  jpeg_finish_decompress(info);
}

jpeg_codec_status jpeg_codec_read_header(const uint8_t *bytes, size_t count, bool grey, jpeg_codec_header *header,
                                         char message[JPEG_CODEC_MESSAGE_SIZE]) {
  decoding job;
  initialize(&job, bytes, count, grey, message);
  job.header = header;
  jpeg_errors_catch(&job.errors, measure, &job);
  jpeg_destroy_decompress(&job.info);
  return job.errors.status;
}

jpeg_codec_status jpeg_codec_decode(const uint8_t *bytes, size_t count, bool grey, int eighths, uint8_t *pixels,
                                    size_t capacity, char message[JPEG_CODEC_MESSAGE_SIZE]) {
  decoding job;
  initialize(&job, bytes, count, grey, message);
  job.eighths = eighths;
  job.pixels = pixels;
  job.capacity = capacity;
  jpeg_errors_catch(&job.errors, decode, &job);
  jpeg_destroy_decompress(&job.info);
  return job.errors.status;
}

#endif
