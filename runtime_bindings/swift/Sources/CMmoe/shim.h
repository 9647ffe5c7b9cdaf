#include "../../../cpp/core/mmoe.h"
