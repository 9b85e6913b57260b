/* Random numbers of the fuzz drivers: Marsaglia's xorshift, the same in every run. */
#include <stdint.h>

static uint32_t state = 2463534242u;

static uint32_t next_number(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}
