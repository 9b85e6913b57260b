/* Sums of products of int8 numbers, the inner loops of all matrix kernels.
 *
 * The compiler's macros choose one of three files with the same functions: Helium (Cortex-M55
 * and M85), the DSP extension (Cortex-M4, M7, M33), or portable C.
 */
#ifndef MOTEFIT_DOT_H
#define MOTEFIT_DOT_H

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#include "motefit_dot_helium.h"
#elif defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__ARM_ARCH_PROFILE) && \
    __ARM_ARCH_PROFILE == 'M'
#include "motefit_dot_dsp.h"
#else
#include "motefit_dot_portable.h"
#endif

#endif
