/* Words in an endless stream of sound: what motefit's StreamingSpotter does, in constant memory.
 *
 * Sound is cut into hops. Each hop's frames join those of the last clip, and its blocks the
 * loudness of the recent past. The network runs where a loudness peak may be in the middle of the
 * clip; its answers around a peak are averaged, and the decision of the model's card says whether
 * the peak is a word. The result does not depend on how the sound is cut into pieces.
 */
#ifndef MOTEFIT_STREAM_H
#define MOTEFIT_STREAM_H

#include <stdint.h>

#include "motefit_speech.h"

/* A word that was heard. */
typedef struct {
    int32_t label;
    float probability; /* averaged over the windows with the word in their middle */
    double time_s;     /* of its loudest moment, since the start of the stream */
    double reported_s; /* of the sound received when it was reported */
} mf_word;

typedef struct {
    int64_t sum, squares;    /* of the samples of a block */
    double last_s;           /* time of the last word */
    uint32_t hops;           /* since the start */
    int32_t in_frame, skip;  /* samples of the next frame; samples before it */
    int32_t in_hop, in_block;
    int32_t rows, next_row;  /* of features: how many there are, and where the next one goes */
    int32_t newest;          /* of the recent windows */
    int32_t started, heard;  /* whether a hop, and a word, have been received */
} mf_stream_state;

typedef struct {
    const mf_speech *speech;
    mf_stream_state *state;
    mf_edge rows;               /* like the network's input, in a ring of the last clip's frames */
    int16_t *sound;             /* of the next frame */
    float *loudness, *smooth;   /* of the last blocks, and their average over a word */
    float *recent;              /* (windows, labels): the last answers, newest at state->newest */
    const float *word;          /* weights of the average: (2 half_word + 1) */
    const uint8_t *first, *end; /* windows with a peak in their middle, for each block of a hop */
    const uint8_t *agreeing;    /* least windows that agree, for each number of windows */
    double rate_hz, block_s, refractory_s;
    float quietest, least;      /* background power; least loudness of a peak over its surroundings */
    float threshold;
    int32_t words, windows;
    int32_t hop_samples, blocks, block_samples;
    int32_t half_window, half_word, apart, reach, half_around, kept, kept_smooth, shortest;
} mf_stream;

/* Adds sound and returns the number of words that are now certain, oldest first.
 *
 * pcm: any number of samples of one channel at the model's rate.
 * words: the first `room` of them are written; a hop has hardly ever more than one.
 */
int32_t mf_listen(const mf_stream *stream, const int16_t *pcm, int32_t samples, mf_word *words,
                  int32_t room);

/* Forgets all sound, for example after a gap; the clock keeps running. */
void mf_forget(const mf_stream *stream);

#endif
