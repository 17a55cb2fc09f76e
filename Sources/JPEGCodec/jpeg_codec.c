#include "jpeg_codec.h"
