/* The full-size part of decoding for a CPU, in one pass over the pixels.
 *
 * Does what OpenCvCompositor in compositing.py does in a dozen; a test holds them equal.
 * Comparisons are written so that a NaN becomes a bound.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU
#endif

/* Shares of a reference that no grey level shows. */
#define UNSEEN 1e-3f

/* Counted up with every change of a signature; compositing.py asks for it. */
int vae_version(void) { return 1; }

static inline float clamped(float value, float low, float high) {
    value = value > low ? value : low;
    return value < high ? value : high;
}

static inline float mix(float a, float b, float share) { return a + (b - a) * share; }

/* Which two of `n` values a place of `size` lies between when they are stretched to it. */
typedef struct {
    int first, second;
    float share;
} Between;

static Between between(int at, int size, int n) {
    float place = ((float)at + 0.5f) * (float)n / (float)size - 0.5f;
    Between b;
    place = clamped(place, 0.0f, (float)(n - 1));
    b.first = (int)place;
    b.second = b.first + 1 < n ? b.first + 1 : b.first;
    b.share = place - (float)b.first;
    return b;
}

/* A row between two rows of `n` values each. */
static void blend(const float *field, int n, Between rows, float *out) {
    const float *a = field + (size_t)rows.first * n, *b = field + (size_t)rows.second * n;
    for (int k = 0; k < n; k++) out[k] = mix(a[k], b[k], rows.share);
}

/* Red, green, blue and a fourth that is not used. */
typedef float Colour __attribute__((vector_size(16)));
typedef uint8_t Bytes __attribute__((vector_size(4)));

static inline Colour colour_at(const uint8_t *pixel) {
    Bytes bytes;
    memcpy(&bytes, pixel, sizeof bytes);
    return __builtin_convertvector(bytes, Colour);
}

/* A reference [height, width, 4] at x, y (pixels), times `share`; its borders go on. */
static inline Colour moved_to(const uint8_t *reference, int height, int width, float x, float y,
                              float share) {
    x = clamped(x, 0.0f, (float)(width - 1));
    y = clamped(y, 0.0f, (float)(height - 1));
    int left = (int)x, top = (int)y;
    float right = x - (float)left, below = y - (float)top;
    const uint8_t *a = reference + 4 * ((size_t)top * width + left);
    ptrdiff_t next = left + 1 < width ? 4 : 0, row = top + 1 < height ? 4 * (ptrdiff_t)width : 0;
    float wd = right * below * share, wb = right * share - wd, wc = below * share - wd;
    float wa = share - wb - wc - wd;
    return wa * colour_at(a) + wb * colour_at(a + next) + wc * colour_at(a + row)
           + wd * colour_at(a + row + next);
}

/* A row of `n` values stretched to `size`, times `scale`, plus `offset`. */
static void stretch(const float *values, const Between *columns, int size, float scale,
                    float offset, float *out) {
    for (int j = 0; j < size; j++) {
        Between at = columns[j];
        out[j] = mix(values[at.first], values[at.second], at.share) * scale + offset;
    }
}

static float largest(const float *values, size_t n) {
    float most = 0.0f;
    for (size_t k = 0; k < n; k++) most = values[k] > most ? values[k] : most;
    return most;
}

/* One frame, bytes [height, width, 3], of `paint` [paint_height, paint_width, 3] (0..1) and `n`
 * `references` [height, width, 4] moved by `coords` [n, 2, h, w] (-1..1) and weighted by `weights`
 * [n, weight_height, weight_width]. Returns 0, or 1 where there is no memory. */
FOR_EACH_CPU
int vae_compose(int height, int width, const float *paint, int paint_height, int paint_width,
                int n, const uint8_t *references, const float *coords, int h, int w,
                const float *weights, int weight_height, int weight_width, uint8_t *out) {
    size_t field = (size_t)h * w, shares = (size_t)weight_height * weight_width;
    size_t picture = 4 * (size_t)height * width, longest = w > weight_width ? w : weight_width;
    Between *columns = malloc(sizeof(Between) * 3 * width);
    float *row = malloc(sizeof(float) * (3 * (size_t)paint_width + longest + 3 * (size_t)width));
    Colour *colours = malloc(sizeof(Colour) * width);
    if (!columns || !row || !colours) {
        free(columns);
        free(row);
        free(colours);
        return 1;
    }
    Between *paint_columns = columns + width, *weight_columns = columns + 2 * width;
    for (int j = 0; j < width; j++) {
        columns[j] = between(j, width, w);
        paint_columns[j] = between(j, width, paint_width);
        weight_columns[j] = between(j, width, weight_width);
    }
    float *line = row + 3 * paint_width, *x = line + longest, *y = x + width, *share = y + width;
    for (int i = 0; i < height; i++) {
        blend(paint, 3 * paint_width, between(i, height, paint_height), row);
        for (int j = 0; j < width; j++) {
            Between at = paint_columns[j];
            const float *a = row + 3 * at.first, *b = row + 3 * at.second;
            Colour first = {a[0], a[1], a[2]}, second = {b[0], b[1], b[2]};
            colours[j] = 255.0f * (first + (second - first) * at.share);
        }
        for (int m = 0; m < n; m++) {
            const float *where = coords + 2 * m * field, *weight = weights + m * shares;
            blend(weight, weight_width, between(i, height, weight_height), line);
            if (largest(line, weight_width) < UNSEEN) continue;
            stretch(line, weight_columns, width, 1.0f, 0.0f, share);
            Between rows = between(i, height, h);
            blend(where, w, rows, line);
            stretch(line, columns, width, 0.5f * width, 0.5f * width - 0.5f, x);
            blend(where + field, w, rows, line);
            stretch(line, columns, width, 0.5f * height, 0.5f * height - 0.5f, y);
            for (int j = 0; j < width; j++)
                if (share[j] > UNSEEN)
                    colours[j] += moved_to(references + m * picture, height, width, x[j], y[j],
                                           share[j]);
        }
        for (int j = 0; j < width; j++, out += 3)
            for (int c = 0; c < 3; c++)
                out[c] = (uint8_t)(clamped(colours[j][c], 0.0f, 255.0f) + 0.5f);
    }
    free(columns);
    free(row);
    free(colours);
    return 0;
}
