/* Labels of a model for the clips of a file, which the debugger reads, one in a line. */
#include <stdint.h>

#include "model.h"

void put_text(const char *text);
void put_number(uint32_t number);
int semihost(int operation, const void *argument);

int main(void)
{
    static const char name[] = CLIPS;
    static int16_t clip[MODEL_SAMPLES];
    float probabilities[MODEL_LABELS];
    const uintptr_t opened[3] = {(uintptr_t)name, 1, sizeof name - 1}; /* mode "rb" */
    const int file = semihost(0x01, opened);                           /* SYS_OPEN */
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)clip, sizeof clip};
    while (file >= 0 && semihost(0x06, block) == 0) { /* SYS_READ: bytes that were not read */
        put_text("label ");
        put_number((uint32_t)model_classify(clip, MODEL_SAMPLES, probabilities));
        put_text("\n");
    }
    return 0;
}
