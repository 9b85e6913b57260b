/* The published log-mel / MFCC front end in C with FFTW (single precision), one thread: the floor
 * that the numpy front end is compared with.
 *
 * usage: frontend rate samples frame_length frame_step mel_bins lower_hz upper_hz coefficients
 * Reads the clip (float32, native order) from the file named by the environment variable CLIP.
 * Speaks the protocol of worker.py; "fftw" is its only form.
 */
#include <fftw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int length, step, frames, bins, mels, coefficients, samples;
static int first_bin, last_bin;         /* bins that some filter touches: [first, last) */
static int band_start[512], band_stop[512]; /* bins that each filter touches */
static float *window, *mel, *dct, *windowed, *magnitude, *bands, *features, *clip;
static fftwf_complex *spectrum;
static fftwf_plan plan;

static double mel_of(double hertz) { return 1127.0 * log1p(hertz / 700.0); }

static float *floats(size_t count) {
    float *p = fftwf_malloc(sizeof(float) * count);
    if (!p) exit(3);
    memset(p, 0, sizeof(float) * count);
    return p;
}

static void tables(double rate, double lower, double upper) {
    int period = length - length % 2;
    for (int i = 0; i < length; i++) window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / period));
    double low = mel_of(lower), width = (mel_of(upper) - low) / (mels + 1);
    first_bin = bins, last_bin = 0;
    for (int k = 1; k < bins; k++) {
        double m = mel_of(rate / 2 * k / (bins - 1));
        for (int b = 0; b < mels; b++) {
            double rising = (m - (low + b * width)) / width;
            double falling = (low + (b + 2) * width - m) / width;
            double weight = fmax(0.0, fmin(rising, falling));
            mel[(size_t)b * bins + k] = (float)weight;
            if (weight > 0) {
                if (!band_stop[b]) band_start[b] = k;
                band_stop[b] = k + 1;
                if (k < first_bin) first_bin = k;
                if (k + 1 > last_bin) last_bin = k + 1;
            }
        }
    }
    for (int n = 0; n < mels; n++)
        for (int k = 0; k < coefficients; k++)
            dct[n * coefficients + k] =
                (float)(sqrt(2.0 / mels) * cos(M_PI * k * (n + 0.5) / mels));
}

static void window_frames(const float *restrict in, const float *restrict w, float *restrict out) {
    for (int f = 0; f < frames; f++)
        for (int i = 0; i < length; i++) out[f * length + i] = in[f * step + i] * w[i];
}

static void magnitudes(const float *restrict row, float *restrict out) {
    for (int k = first_bin; k < last_bin; k++)
        out[k] = sqrtf(row[2 * k] * row[2 * k] + row[2 * k + 1] * row[2 * k + 1]);
}

static void mel_bands(const float *restrict in, const float *restrict weights, float *restrict out) {
    for (int b = 0; b < mels; b++) {
        float sum = 1e-6f;
        for (int k = band_start[b]; k < band_stop[b]; k++) sum += in[k] * weights[b * bins + k];
        out[b] = sum;
    }
}

static void logarithms(float *restrict values, int count) {
    for (int i = 0; i < count; i++) values[i] = logf(values[i]);
}

static void cepstrum(const float *restrict in, const float *restrict table, float *restrict out) {
    memset(out, 0, sizeof(float) * coefficients);
    for (int b = 0; b < mels; b++)
        for (int k = 0; k < coefficients; k++) out[k] += in[b] * table[b * coefficients + k];
}

static void compute(void) {
    window_frames(clip, window, windowed);
    fftwf_execute(plan);
    for (int f = 0; f < frames; f++) {
        magnitudes((const float *)(spectrum + (size_t)f * bins), magnitude);
        mel_bands(magnitude, mel, bands + (size_t)f * mels);
    }
    logarithms(bands, frames * mels);
    if (!coefficients) return;
    for (int f = 0; f < frames; f++)
        cepstrum(bands + (size_t)f * mels, dct, features + (size_t)f * coefficients);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 9 || !getenv("CLIP")) return 2;
    double rate = atof(argv[1]);
    if (atoi(argv[5]) > 512) return 2;
    samples = atoi(argv[2]), length = atoi(argv[3]), step = atoi(argv[4]), mels = atoi(argv[5]);
    coefficients = atoi(argv[8]);
    frames = (samples - length) / step + 1, bins = length / 2 + 1;
    window = floats(length), mel = floats((size_t)bins * mels), dct = floats(mels * coefficients + 1);
    windowed = floats((size_t)frames * length), magnitude = floats(bins);
    bands = floats((size_t)frames * mels), features = floats((size_t)frames * coefficients + 1);
    clip = floats(samples), spectrum = fftwf_malloc(sizeof(fftwf_complex) * (size_t)frames * bins);
    FILE *file = fopen(getenv("CLIP"), "rb");
    if (!file || fread(clip, sizeof(float), samples, file) != (size_t)samples) return 4;
    fclose(file);
    tables(rate, atof(argv[6]), atof(argv[7]));
    plan = fftwf_plan_many_dft_r2c(1, &length, frames, windowed, NULL, 1, length, spectrum, NULL, 1,
                                   bins, FFTW_PATIENT);
    char command[16], form[16];
    int repeats;
    printf("ready %s\n", fftwf_version), fflush(stdout);
    while (scanf("%15s %15s %d", command, form, &repeats) == 3) {
        if (!strcmp(command, "check")) {
            compute();
            const float *result = coefficients ? features : bands;
            int count = frames * (coefficients ? coefficients : mels);
            for (int i = 0; i < count; i++) printf("%.9g ", result[i]);
        } else {
            for (int i = 0; i < repeats; i++) {
                double start = now();
                compute();
                printf("%.9g ", now() - start);
            }
        }
        printf("\n"), fflush(stdout);
    }
    return 0;
}
