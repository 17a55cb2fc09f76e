#ifndef EDGERUN_NO_JPEG

#include "errors.h"

#include <jerror.h>
#include <string.h>

static jpeg_codec_status status_of(int message_code) {
  switch (message_code) {
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_HIT_MARKER:
      return JPEG_CODEC_TRUNCATED;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
      return JPEG_CODEC_UNSUPPORTED;
    case JERR_IMAGE_TOO_BIG:
    case JERR_NO_BACKING_STORE:  // the memory limit is reached
    case JERR_WIDTH_OVERFLOW:
      return JPEG_CODEC_TOO_LARGE;
    case JERR_OUT_OF_MEMORY:
      return JPEG_CODEC_NO_MEMORY;
    default:
      return JPEG_CODEC_CORRUPT;
  }
}

static void on_error(j_common_ptr info) {
  jpeg_errors *errors = (jpeg_errors *)info->err;
  errors->status = status_of(info->err->msg_code);
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  snprintf(errors->message, JPEG_CODEC_MESSAGE_SIZE, "%s", text);
  longjmp(errors->escape, 1);
}

// Level −1 is a warning, 0 and above are traces. libjpeg paints what is missing grey after "premature end of data
// segment": for a picture that is to be classified, that is no picture.
static void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_HIT_MARKER) on_error(info);
}

static void print_nothing(j_common_ptr info) { (void)info; }

void jpeg_errors_initialize(jpeg_errors *errors, char *message) {
  jpeg_std_error(&errors->manager);
  errors->manager.error_exit = on_error;
  errors->manager.emit_message = on_message;
  errors->manager.output_message = print_nothing;
  errors->status = JPEG_CODEC_OK;
  errors->message = message;
  message[0] = '\0';
}

void jpeg_errors_catch(jpeg_errors *errors, void (*body)(void *), void *job) {
  if (setjmp(errors->escape) == 0) body(job);
}

void jpeg_errors_fail(jpeg_errors *errors, jpeg_codec_status status, const char *text) {
  errors->status = status;
  snprintf(errors->message, JPEG_CODEC_MESSAGE_SIZE, "%s", text);
  longjmp(errors->escape, 1);
}

#endif
