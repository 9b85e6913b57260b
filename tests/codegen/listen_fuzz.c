/* Pushes sound of many kinds into a stream, in a number of calls given as the argument. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_numbers.h"
#include "model.h"

/* Silence, the extremes, or noise at some level. */
static int16_t sample_of(uint32_t kind)
{
    const uint32_t number = next_number();
    if (kind < 2) {
        return 0;
    }
    if (kind == 2) {
        return (int16_t)(number & 1 ? 32767 : -32768);
    }
    return (int16_t)((int32_t)(number >> 16) - 32768) / (int16_t)(1 << (kind % 14));
}

int main(int count, char **arguments)
{
    const long calls = count > 1 ? atol(arguments[1]) : 1000;
    long heard = 0;
    uint32_t kind = 0;
    for (long i = 0; i < calls; i++) {
        const uint32_t choice = next_number();
        const int32_t samples = choice % 1000 == 0 ? (int32_t)(next_number() % 3000)
                                                   : (int32_t)(choice >> 8) % 6;
        const int32_t room = (int32_t)(choice >> 16) % 3;
        kind = choice % 50 == 1 ? next_number() % 17 : kind;
        int16_t *pcm = malloc((size_t)(samples > 0 ? samples : 1) * sizeof *pcm);
        model_word *words = malloc((size_t)(room > 0 ? room : 1) * sizeof *words);
        for (int32_t j = 0; j < samples; j++) {
            pcm[j] = sample_of(kind);
        }
        heard += model_listen(pcm, samples, words, room);
        if (choice % 100003 == 2) {
            model_forget();
        } else if (choice % 10007 == 3) {
            model_classify(pcm, samples, NULL);
        }
        free(pcm);
        free(words);
    }
    printf("%ld calls, %ld words\n", calls, heard);
    return heard == 0;
}
