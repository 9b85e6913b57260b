#include "motefit_stream.h"

#include <math.h>
#include <string.h>

#define FULL_SCALE 32768.0f
#define QUIET_SHARE 0.2f /* these three as in motefit/runtime/streaming/peaks.py */
#define LASTING 0.25f
#define NO_ANSWER (-1.0f) /* in place of a window's first probability */

void mf_forget(const mf_stream *stream)
{
    const uint32_t hops = stream->state->hops;
    memset(stream->state, 0, sizeof *stream->state);
    stream->state->hops = hops;
}

/* Adds a sample to the next frame; computes the frame if it is complete. */
static void add_to_frame(const mf_stream *stream, int16_t sample)
{
    mf_stream_state *state = stream->state;
    const mf_speech *speech = stream->speech;
    const mf_frontend *f = speech->frontend;
    if (state->skip > 0) {
        state->skip--;
        return;
    }
    stream->sound[state->in_frame++] = sample;
    if (state->in_frame < f->frame_length) {
        return;
    }
    const float *features = mf_frame(f, stream->sound, f->frame_length, speech->work);
    mf_put(&stream->rows, state->next_row * f->features, features, f->features);
    state->next_row = (state->next_row + 1) % f->frames;
    state->rows += state->rows < f->frames;
    const int32_t kept = f->frame_length - f->frame_step;
    state->in_frame = kept > 0 ? kept : 0;
    state->skip = kept > 0 ? 0 : -kept;
    memmove(stream->sound, stream->sound + (f->frame_length - state->in_frame),
            sizeof(int16_t) * (size_t)state->in_frame);
}

/* Drops the oldest numbers of a history. */
static void make_room(float *history, int32_t size, int32_t count)
{
    memmove(history, history + count, sizeof(float) * (size_t)(size - count));
}

/* Adds a sample to a block's power; adds the loudness of a block that is complete. */
static void add_to_block(const mf_stream *stream, int16_t sample)
{
    mf_stream_state *state = stream->state;
    const int32_t length = stream->block_samples;
    state->sum += sample;
    state->squares += (int32_t)sample * sample;
    if (++state->in_block < length) {
        return;
    }
    const int64_t spread = length * state->squares - state->sum * state->sum;
    const float scale = (float)length * FULL_SCALE;
    const float power = (float)spread / scale / scale;
    make_room(stream->loudness, stream->kept, 1);
    stream->loudness[stream->kept - 1] = sqrtf(sqrtf(power + stream->quietest));
    state->sum = state->squares = 0;
    state->in_block = 0;
}

/* The past before the first hop has no answers, and is as loud as the hop's quietest block. */
static void fill_past(const mf_stream *stream)
{
    for (int32_t i = 0; i < stream->windows; i++) {
        stream->recent[i * stream->speech->labels] = NO_ANSWER;
    }
    const int32_t past = stream->kept - stream->blocks;
    float least = stream->loudness[past];
    for (int32_t i = past; i < stream->kept; i++) {
        least = fminf(least, stream->loudness[i]);
    }
    for (int32_t i = 0; i < past; i++) {
        stream->loudness[i] = least;
    }
    for (int32_t i = 0; i < stream->kept_smooth; i++) {
        stream->smooth[i] = least;
    }
}

/* Averages the loudness around the hop's blocks over the length of a word. */
static void average(const mf_stream *stream)
{
    const int32_t span = 2 * stream->half_word + 1;
    make_room(stream->smooth, stream->kept_smooth, stream->blocks);
    for (int32_t block = 0; block < stream->blocks; block++) {
        const float *from = stream->loudness + stream->kept - stream->blocks + block - span + 1;
        float sum = 0.0f;
        for (int32_t i = 0; i < span; i++) {
            sum += stream->word[i] * from[i];
        }
        stream->smooth[stream->kept_smooth - stream->blocks + block] = sum;
    }
}

/* A stretch of the loudness around a past block, as far as received. */
static const float *around(const mf_stream *stream, int32_t block, int32_t half, int32_t *count)
{
    const int32_t first = block > half ? block - half : 0;
    const int32_t last = block + half < stream->kept ? block + half : stream->kept - 1;
    *count = last - first + 1;
    return stream->loudness + first;
}

static float mean_around(const mf_stream *stream, int32_t block)
{
    int32_t count;
    const float *stretch = around(stream, block, stream->half_around, &count);
    float sum = 0.0f;
    for (int32_t i = 0; i < count; i++) {
        sum += stretch[i];
    }
    return sum / (float)count;
}

static int32_t place_of_most(const float *numbers, int32_t count)
{
    int32_t most = 0;
    for (int32_t i = 1; i < count; i++) {
        most = numbers[i] > numbers[most] ? i : most;
    }
    return most;
}

/* Whether the window that ends now has a possible peak near its middle. */
static int is_near(const mf_stream *stream)
{
    const int32_t last = stream->kept_smooth - 1;
    const int32_t place = last - (stream->half_window - stream->half_word);
    const int32_t from = place > stream->reach ? place - stream->reach : 0;
    const int32_t to = place + stream->reach < last ? place + stream->reach : last;
    const float *stretch = stream->smooth + from;
    const float highest = stretch[place_of_most(stretch, to - from + 1)];
    const int32_t middle = stream->kept - 1 - stream->half_window;
    return highest >= stream->least * mean_around(stream, middle);
}

/* The number with `rank` smaller ones. */
static float ranked(const float *numbers, int32_t count, int32_t rank)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t smaller = 0, equal = 0;
        for (int32_t j = 0; j < count; j++) {
            smaller += numbers[j] < numbers[i];
            equal += numbers[j] == numbers[i];
        }
        if (smaller <= rank && rank < smaller + equal) {
            return numbers[i];
        }
    }
    return numbers[0];
}

/* Blocks for which the sound of a peak keeps a share of its height over the background. */
static int32_t lasting(const mf_stream *stream, int32_t block)
{
    int32_t count, size;
    const float *wide = around(stream, block, stream->half_around, &count);
    const float background = ranked(wide, count, (int32_t)(QUIET_SHARE * (float)count));
    const float *sound = around(stream, block, stream->half_word, &size);
    const int32_t loudest = place_of_most(sound, size);
    const float least = background + LASTING * (sound[loudest] - background);
    int32_t first = loudest, end = loudest;
    while (first > 0 && sound[first - 1] >= least) {
        first--;
    }
    while (end < size && sound[end] >= least) {
        end++;
    }
    return end - first;
}

static double received_s(const mf_stream *stream)
{
    return (double)stream->state->hops * (double)stream->hop_samples / stream->rate_hz;
}

/* Averages the windows around the peak at a block of the last hop; says whether it is a word. */
static int decide(const mf_stream *stream, int32_t at, int32_t ago, mf_word *word)
{
    const int32_t labels = stream->speech->labels;
    mf_stream_state *state = stream->state;
    int32_t count = 0, agreeing = 0, best = 0;
    float greatest = 0.0f;
    for (int32_t label = 0; label < labels; label++) {
        float sum = 0.0f;
        count = 0;
        for (int32_t hop = stream->first[at]; hop < stream->end[at]; hop++) {
            const float *answer = stream->recent + (state->newest + hop) % stream->windows * labels;
            sum += answer[0] < 0.0f ? 0.0f : answer[label];
            count += !(answer[0] < 0.0f);
        }
        const float mean = count > 0 ? sum / (float)count : 0.0f;
        if (label == 0 || mean > greatest) {
            greatest = mean;
            best = label;
        }
    }
    for (int32_t hop = stream->first[at]; hop < stream->end[at]; hop++) {
        const float *answer = stream->recent + (state->newest + hop) % stream->windows * labels;
        agreeing += !(answer[0] < 0.0f) && place_of_most(answer, labels) == best;
    }
    word->label = best;
    word->probability = greatest;
    word->reported_s = received_s(stream);
    word->time_s = word->reported_s - ((double)ago + 0.5) * stream->block_s;
    return count > 0 && best < stream->words && greatest >= stream->threshold &&
           agreeing >= stream->agreeing[count] &&
           (!state->heard || word->time_s - state->last_s >= stream->refractory_s);
}

/* Looks for peaks among the blocks that now have enough sound after them: one in each stretch. */
static int32_t find_words(const mf_stream *stream, mf_word *words, int32_t room)
{
    const int32_t apart = stream->apart, stop = apart + stream->blocks;
    int32_t found = 0;
    for (int32_t first = apart; first < stop; first += apart + 1) {
        const int32_t size = first + apart + 1 < stop ? apart + 1 : stop - first;
        const int32_t place = first + place_of_most(stream->smooth + first, size);
        if (place_of_most(stream->smooth + place - apart, 2 * apart + 1) != apart) {
            continue;
        }
        const int32_t ago = stream->half_word + stream->kept_smooth - 1 - place;
        const int32_t block = stream->kept - 1 - ago;
        mf_word word;
        if (stream->smooth[place] >= stream->least * mean_around(stream, block) &&
            lasting(stream, block) >= stream->shortest &&
            decide(stream, place - apart, ago, &word)) {
            stream->state->last_s = word.time_s;
            stream->state->heard = 1;
            if (found < room) {
                words[found] = word;
            }
            found++;
        }
    }
    return found;
}

/* Runs the network on the last clip, from its oldest frame on. */
static void answer(const mf_stream *stream, float *probabilities)
{
    const mf_speech *speech = stream->speech;
    const int32_t size = speech->frontend->features;
    const int32_t old = (speech->frontend->frames - stream->state->next_row) * size;
    const int32_t new = stream->state->next_row * size;
    if (stream->rows.steps != NULL) {
        memcpy(speech->input.steps, stream->rows.steps + new, (size_t)old);
        memcpy(speech->input.steps + old, stream->rows.steps, (size_t)new);
    } else {
        memcpy(speech->input.real, stream->rows.real + new, sizeof(float) * (size_t)old);
        memcpy(speech->input.real + old, stream->rows.real, sizeof(float) * (size_t)new);
    }
    mf_answer(speech, probabilities);
}

static int32_t end_hop(const mf_stream *stream, mf_word *words, int32_t room)
{
    mf_stream_state *state = stream->state;
    state->hops++;
    state->in_hop = state->in_block = 0; /* samples beyond the last block do not count */
    state->sum = state->squares = 0;
    if (!state->started) {
        fill_past(stream);
    }
    state->started = 1;
    average(stream);
    state->newest = (state->newest + stream->windows - 1) % stream->windows;
    float *newest = stream->recent + state->newest * stream->speech->labels;
    newest[0] = NO_ANSWER;
    if (state->rows == stream->speech->frontend->frames && is_near(stream)) {
        answer(stream, newest);
    }
    return find_words(stream, words, room);
}

int32_t mf_listen(const mf_stream *stream, const int16_t *pcm, int32_t samples, mf_word *words,
                  int32_t room)
{
    int32_t found = 0;
    for (int32_t i = 0; i < samples; i++) {
        add_to_frame(stream, pcm[i]);
        if (stream->state->in_hop < stream->blocks * stream->block_samples) {
            add_to_block(stream, pcm[i]);
        }
        if (++stream->state->in_hop == stream->hop_samples) {
            const int32_t left = room > found ? room - found : 0;
            found += end_hop(stream, words + (left > 0 ? found : 0), left);
        }
    }
    return found;
}
