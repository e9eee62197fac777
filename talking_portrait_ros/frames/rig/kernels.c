/* The rig's inner loops for a CPU, one pass over the pixels where PyTorch makes a hundred.
 *
 * Each function does what the PyTorch code named above it does; a test holds them equal. Arrays
 * are float32, contiguous, row by row. Comparisons are written so that a NaN becomes a bound.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Counted up with every change of a structure or a signature; native.py asks for it. */
int rig_version(void) { return 2; }

static inline float clamped(float value, float low, float high) {
    value = value > low ? value : low;
    return value < high ? value : high;
}

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
static inline float square(float a) { return a * a; }
static inline float mix(float a, float b, float share) { return a + (b - a) * share; }

static inline float smoothstep(float t) {
    t = clamped(t, 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

/* Bilinear look-up of `n` channels of a picture [height, width, channels]; its border goes on. */
static inline void look_up(const float *picture, int height, int width, int channels, int n,
                           float x, float y, float *out) {
    x = clamped(x, 0.0f, (float)(width - 1));
    y = clamped(y, 0.0f, (float)(height - 1));
    int left = (int)x, top = (int)y;
    float right = x - (float)left, below = y - (float)top;
    const float *a = picture + ((size_t)top * width + left) * channels;
    const float *b = left + 1 < width ? a + channels : a;
    size_t row = top + 1 < height ? (size_t)width * channels : 0;
    float wa = (1.0f - right) * (1.0f - below), wb = right * (1.0f - below);
    float wc = (1.0f - right) * below, wd = right * below;
    for (int c = 0; c < n; c++)
        out[c] = wa * a[c] + wb * b[c] + wc * a[row + c] + wd * b[row + c];
}

/* A window of a frame: its left and upper pixel, its nodes and their size in pixels. */
typedef struct {
    int x, y, height, width, cell;
} Window;

/* A grid of nodes, see solve.py. */
typedef struct {
    float left, top, cell;
    int height, width;
} Grid;

static inline float to_cell(float pixel, float edge, float cell) {
    return (pixel - edge + 0.5f) / cell - 0.5f;
}

enum { SLOPES = 6 };

/* solve.py: with_slopes. `shift` [2, height, width] -> `field` [height, width, 6]. */
static void with_slopes(const float *shift, const Grid *grid, float *field) {
    int height = grid->height, width = grid->width;
    for (int i = 0; i < height; i++) {
        int up = i > 0 ? i - 1 : 0, down = i + 1 < height ? i + 1 : i;
        for (int j = 0; j < width; j++, field += SLOPES) {
            int before = j > 0 ? j - 1 : 0, after = j + 1 < width ? j + 1 : j;
            for (int axis = 0; axis < 2; axis++) {
                const float *plane = shift + (size_t)axis * height * width;
                field[axis] = plane[i * width + j];
                field[2 + axis] = (plane[i * width + after] - plane[i * width + before])
                                  / (grid->cell * (float)(after - before));
                field[4 + axis] = (plane[down * width + j] - plane[up * width + j])
                                  / (grid->cell * (float)(down - up));
            }
        }
    }
}

/* solve.py: invert at one target; `point` is the first guess and becomes the result. A step
 * below NEAR_ENOUGH pixels is the last one. */
#define NEAR_ENOUGH 1e-3f
static inline void newton(const float *field, const Grid *grid, int iterations,
                          const float *target, float *point) {
    float x = point[0], y = point[1];
    for (int round = 0; round < iterations; round++) {
        float v[SLOPES];
        look_up(field, grid->height, grid->width, SLOPES, SLOPES,
                to_cell(x, grid->left, grid->cell), to_cell(y, grid->top, grid->cell), v);
        float miss_x = target[0] - x - v[0], miss_y = target[1] - y - v[1];
        float xx = v[2] + 1.0f, yx = v[3], xy = v[4], yy = v[5] + 1.0f;
        float scale = 1.0f / most(xx * yy - xy * yx, 0.25f);
        float step_x = (yy * miss_x - xy * miss_y) * scale;
        float step_y = (xx * miss_y - yx * miss_x) * scale;
        x += step_x;
        y += step_y;
        if (fabsf(step_x) + fabsf(step_y) < NEAR_ENOUGH) break;
    }
    point[0] = x;
    point[1] = y;
}

/* solve.py: invert; `shift` [2, h, w] on `grid`, `targets` [n, 2], `points` [n, 2] the first
 * guesses, which become the results. Returns 0, or 1 where there is no memory. */
int rig_invert(const Grid *grid, int iterations, int n, const float *shift, const float *targets,
               float *points) {
    float *field = malloc(sizeof(float) * SLOPES * grid->height * grid->width);
    if (!field) return 1;
    with_slopes(shift, grid, field);
    for (int k = 0; k < n; k++) newton(field, grid, iterations, targets + 2 * k, points + 2 * k);
    free(field);
    return 0;
}

/* pose.py: a head and one of its poses. */
typedef struct {
    float pivot[3], focal, centre[2], rotation[9], move[3];
} Pose;

#define NEAREST 0.2f

/* painter.py: TorchPainter.forward for one layer: `moved` [3, n] is what the controls do to each
 * node, `nodes` [n, 2], `solid` [2, n]; `way` [2, n]. */
void rig_forward(const Pose *pose, int n, const float *moved, const float *nodes,
                 const float *solid, float *way) {
    const float *r = pose->rotation, focal = pose->focal;
    for (int k = 0; k < n; k++) {
        float shift_x = moved[k], shift_y = moved[n + k], depth = solid[k] + moved[2 * n + k];
        float x = nodes[2 * k] + shift_x, y = nodes[2 * k + 1] + shift_y;
        float near = 1.0f + depth / focal;
        float sx = (x - pose->centre[0]) * near - pose->pivot[0];
        float sy = (y - pose->centre[1]) * near - pose->pivot[1];
        float sz = depth - pose->pivot[2];
        float tx = r[0] * sx + r[1] * sy + r[2] * sz + pose->move[0];
        float ty = r[3] * sx + r[4] * sy + r[5] * sz + pose->move[1];
        float tz = r[6] * sx + r[7] * sy + r[8] * sz + pose->move[2];
        float scale = focal / most(focal + tz, NEAREST * focal);
        way[k] = shift_x + solid[n + k] * (tx * scale + pose->centre[0] - x);
        way[n + k] = shift_y + solid[n + k] * (ty * scale + pose->centre[1] - y);
    }
}

/* painter.py: TorchPainter.lip_layers for one frame. `ways` [2, 2, h, w] and `edges` [2, h, w]
 * stand on `lips`, `shift` [g, g, 2] on `whole`; the window has its corner at `x`, `y` and the
 * cells of `lips`. Writes `skin` [m, n, 2] and both `layers` [m, n, 3]. Returns as rig_invert. */
int rig_lip_layers(const Grid *lips, const Grid *whole, const Window *window, int iterations,
                   const float *ways, const float *edges, const float *shift, float *skin,
                   float *upper, float *lower) {
    size_t nodes = (size_t)lips->height * lips->width;
    float *field = malloc(sizeof(float) * SLOPES * nodes);
    if (!field) return 1;
    for (int layer = 0; layer < 2; layer++) {
        with_slopes(ways + layer * 2 * nodes, lips, field);
        float *out = layer ? lower : upper, *around = skin;
        for (int i = 0; i < window->height; i++) {
            float y = (float)window->y + ((float)i + 0.5f) * lips->cell - 0.5f;
            for (int j = 0; j < window->width; j++, out += 3, around += 2) {
                float target[2] = {(float)window->x + ((float)j + 0.5f) * lips->cell - 0.5f, y};
                look_up(shift, whole->height, whole->width, 2, 2,
                        to_cell(target[0], whole->left, whole->cell),
                        to_cell(y, whole->top, whole->cell), around);
                float point[2] = {target[0] + around[0], y + around[1]};
                newton(field, lips, iterations, target, point);
                out[0] = point[0] - target[0];
                out[1] = point[1] - y;
                look_up(edges + layer * nodes, lips->height, lips->width, 1, 1,
                        to_cell(point[0], lips->left, lips->cell),
                        to_cell(point[1], lips->top, lips->cell), out + 2);
            }
        }
    }
    free(field);
    return 0;
}

/* One eye of eyes.py's EyeRig; plates [height, width, 4], the fourth channel of `lash` and
 * `sclera` unused. */
typedef struct {
    float bounds[4], to_eye[6], to_plate[6], down[2], upper[3], lower[3], numbers[6];
    int height, width;
    const float *skin, *lash, *sclera, *iris;
} Eye;

/* eye_motion.py: EyePose. */
typedef struct {
    float upper, lower, gaze_x, gaze_y, active, closing;
} EyePose;

/* What does not change within an eye. */
typedef struct {
    float wider, taller, gaze_y;
} Gaze;

#define GAZE_X 0.42f
#define GAZE_Y 0.26f

/* eye_motion.py: EyePose.of; `side` is -1 for the subject's right eye, 1 for the left one. */
static EyePose eye_pose(const float *controls, float side) {
    float blink = controls[0], squint = controls[1], wide = controls[2];
    float up = most(controls[3] - controls[4], 0.0f), down = most(controls[4] - controls[3], 0.0f);
    float sum = 0.0f, part = 0.34f * down + 0.18f * squint - 0.24f * wide - 0.14f * up;
    for (int k = 0; k < 7; k++) sum += controls[k];
    EyePose pose = {.upper = part + (1.0f - part) * blink};
    pose.lower = 0.12f * blink + 0.34f * squint * (1.0f - 0.5f * blink) + 0.04f * up - 0.06f * down;
    pose.gaze_x = GAZE_X * side * (controls[6] - controls[5]);
    pose.gaze_y = GAZE_Y * (down - up);
    pose.active = least(8.0f * sum, 1.0f);
    pose.closing = most(pose.upper, 0.0f);
    return pose;
}

#define MARGIN_PX 1.3f
#define EYEBALL 0.85f
#define SHADOW 0.5f
#define SHADOW_DEPTH 0.08f

static inline void plate_at(const Eye *eye, const float *plate, float x, float y, int n,
                            float *out) {
    const float *p = eye->to_plate;
    float px = p[4] + x * p[0] + y * p[2], py = p[5] + x * p[1] + y * p[3];
    look_up(plate, eye->height, eye->width, 4, n, (px + 1.0f) * 0.5f * (float)(eye->width - 1),
            (py + 1.0f) * 0.5f * (float)(eye->height - 1), out);
}

static Gaze gaze_of(const Eye *eye, const EyePose *pose) {
    float reach = clamped((eye->lower[0] - eye->upper[0]) / 0.6f, 0.4f, 1.0f);
    Gaze gaze = {.gaze_y = pose->gaze_y * reach};
    gaze.wider = 1.0f / sqrtf(1.0f - square(pose->gaze_x / EYEBALL));
    gaze.taller = 1.0f / sqrtf(1.0f - square(gaze.gaze_y / EYEBALL));
    return gaze;
}

/* Way of the skin down at one point, RGBA of the paint over it. */
static float eye_point(const Eye *eye, const EyePose *pose, const Gaze *gaze, float px, float py,
                       float *rgba) {
    const float *t = eye->to_eye, *u = eye->upper, *l = eye->lower, *number = eye->numbers;
    float x = px * t[0] + (py * t[1] + t[2]), y = px * t[3] + (py * t[4] + t[5]);
    float inner = clamped(x, -1.0f, 1.0f), bump = 1.0f - inner * inner;
    float rest_upper = bump * (u[0] + inner * (u[1] + inner * u[2]));
    float rest_lower = bump * (l[0] + inner * (l[1] + inner * l[2]));
    float gap = most(rest_lower - rest_upper, 0.0f), low = -pose->lower * gap;
    float lower = rest_lower + low, up = pose->upper * (lower - rest_upper);
    float upper = rest_upper + up, beneath = y - rest_upper, depth = y - upper;
    float brow = most(least(number[2] + 0.12f + number[1] * x, rest_upper - 0.5f), -1.1f);
    float above = smoothstep((y - brow) / (rest_upper - brow));
    above *= 1.0f - smoothstep(beneath / (gap + 0.15f));
    float below = smoothstep(beneath / (gap + 0.05f));
    below *= 1.0f - smoothstep((y - rest_lower) / 0.6f);
    float way = number[5] * up * above + 0.5f * low * below;

    float skin[4], lash[4], ball[4], iris[4];
    plate_at(eye, eye->skin, x, y - way, 4, skin);
    rgba[3] = skin[3] * pose->active;
    if (!(rgba[3] > 0.0f)) {
        rgba[0] = rgba[1] = rgba[2] = rgba[3] = 0.0f;
        return way;
    }
    float bulge = clamped(beneath / (gap + 1e-4f), 0.0f, 1.0f);
    float light = 1.0f + 0.3f * pose->closing * (bulge - bulge * bulge);
    int is_upper = depth < lower - y;
    float lash_way = is_upper ? up - 0.4f * pose->closing * depth : low;
    plate_at(eye, eye->lash, x, y - lash_way, 3, lash);
    float dark = 1.0f - (is_upper ? 0.2f : 0.75f) * pose->closing;
    float opening = clamped(least(depth, lower - y) * (number[0] / MARGIN_PX), 0.0f, 1.0f);
    if (opening > 0.0f) {
        plate_at(eye, eye->sclera, x, y, 3, ball);
        float dx = (x - (number[3] + pose->gaze_x)) * gaze->wider;
        float dy = (y - (number[4] + gaze->gaze_y)) * gaze->taller;
        plate_at(eye, eye->iris, number[3] + dx, number[4] + dy, 4, iris);
        float shade = 1.0f - SHADOW * expf(most(depth, 0.0f) * (-1.0f / SHADOW_DEPTH));
        for (int c = 0; c < 3; c++) ball[c] = mix(ball[c], iris[c], iris[3]) * shade;
    }
    float line = 0.5f * least(pose->closing * 2.0f, 1.0f) * sqrtf(bump);
    float reach = depth < 0.0f ? 0.055f : 0.055f + 0.06f * pose->closing;
    line = line > 0.0f ? 1.0f - line * expf(-square(depth / reach)) : 1.0f;
    for (int c = 0; c < 3; c++) {
        float colour = skin[c] * light * (1.0f + lash[c] * dark);
        if (opening > 0.0f) colour = mix(colour, ball[c], opening);
        rgba[c] = clamped(colour * line, 0.0f, 1.0f);
    }
    return way;
}

/* eyes.py: EyeRig.warp in a window of `coords` [size, size, 2], in place; `eyes` [2], `controls`
 * [2, 7]. `paint` [height, width, 4] becomes RGBA 0..1. */
void rig_eyes(const Eye *eyes, const Window *window, int size, const float *controls,
              float *coords, float *paint) {
    EyePose poses[2] = {eye_pose(controls, -1.0f), eye_pose(controls + 7, 1.0f)};
    Gaze gazes[2] = {gaze_of(eyes, poses), gaze_of(eyes + 1, poses + 1)};
    for (int i = 0; i < window->height; i++) {
        float *row = coords + 2 * ((size_t)(window->y + i) * size + window->x);
        for (int j = 0; j < window->width; j++, row += 2, paint += 4) {
            float x = row[0], y = row[1];
            paint[0] = paint[1] = paint[2] = paint[3] = 0.0f;
            for (int e = 0; e < 2; e++) {
                const float *bounds = eyes[e].bounds;
                if (!(x >= bounds[0] && y >= bounds[1] && x <= bounds[2] && y <= bounds[3]))
                    continue;
                float rgba[4];
                float way = eye_point(eyes + e, poses + e, gazes + e, x, y, rgba);
                row[0] -= way * eyes[e].down[0];
                row[1] -= way * eyes[e].down[1];
                for (int c = 0; c < 4; c++) paint[c] += rgba[c];
            }
        }
    }
}

/* The value of a pixel into a frame of bytes or, where `levels` is given, of floats. */
static inline void put(uint8_t *bytes, float *levels, size_t at, float value) {
    if (levels) levels[at] = value;
    else bytes[at] = (uint8_t)rintf(clamped(value, 0.0f, 255.0f));
}

/* Lay `paint` [height, width, 4] over a window of one frame [size, size, 3], see `put`. */
void rig_cover(const Window *window, int size, const float *paint, uint8_t *bytes, float *levels) {
    for (int i = 0; i < window->height; i++) {
        size_t at = 3 * ((size_t)(window->y + i) * size + window->x);
        for (int j = 0; j < window->width; j++, at += 3, paint += 4) {
            if (!(paint[3] > 0.0f)) continue;
            for (int c = 0; c < 3; c++) {
                float under = levels ? levels[at + c] : (float)bytes[at + c];
                put(bytes, levels, at + c, mix(under, 255.0f * paint[c], paint[3]));
            }
        }
    }
}

/* The nodes around pixel `at` of a field enlarged `cell` times, and the share of the second. */
static inline void between(int at, float cell, int n, int *first, int *second, float *share) {
    float place = clamped(((float)at + 0.5f) / cell - 0.5f, 0.0f, (float)(n - 1));
    *first = (int)place;
    *second = *first + 1 < n ? *first + 1 : *first;
    *share = place - (float)*first;
}

static inline float enlarged(const float *a, const float *b, const float *c, const float *d,
                             float right, float below, int channel) {
    return mix(mix(a[channel], b[channel], right), mix(c[channel], d[channel], right), below);
}

/* painter.py: TorchPainter.place_lips. `upper_lip`, `lower_lip` [h, w, 3] are the layers of a
 * `LipWarp`, `skin` [h, w, 2], `feather` [h, w]; `coords` [size, size, 2] is overwritten in the
 * window. Returns as rig_invert. */
int rig_place_lips(const Window *window, int size, const float *upper_lip, const float *lower_lip,
                   const float *skin, const float *feather, float *coords) {
    int n = window->height * window->width;
    float *shift = malloc(sizeof(float) * 2 * n);
    if (!shift) return 1;
    for (int k = 0; k < n; k++) {
        const float *upper = upper_lip + 3 * k, *lower = lower_lip + 3 * k;
        const float *nearer = upper[2] > lower[2] ? upper : lower;
        for (int axis = 0; axis < 2; axis++)
            shift[2 * k + axis] = mix(skin[2 * k + axis], nearer[axis], feather[k]);
    }
    float cell = (float)window->cell;
    for (int i = 0; i < window->height * window->cell; i++) {
        int top, bottom, left, right;
        float down, across;
        between(i, cell, window->height, &top, &bottom, &down);
        const float *high = shift + 2 * top * window->width;
        const float *deep = shift + 2 * bottom * window->width;
        float *row = coords + 2 * ((size_t)(window->y + i) * size + window->x);
        for (int j = 0; j < window->width * window->cell; j++) {
            between(j, cell, window->width, &left, &right, &across);
            const float *a = high + 2 * left, *b = high + 2 * right;
            const float *c = deep + 2 * left, *d = deep + 2 * right;
            row[2 * j] = enlarged(a, b, c, d, across, down, 0) + (float)(window->x + j);
            row[2 * j + 1] = enlarged(a, b, c, d, across, down, 1) + (float)(window->y + i);
        }
    }
    free(shift);
    return 0;
}

/* What mouth.py needs to know of a rig. */
typedef struct {
    int size, sprite;     /* of the picture, of the sprites */
    const float *picture; /* [size, size, 3], 0..255 */
    const float *teeth;   /* [3, sprite, sprite, 4] */
    float reach;          /* of the sprites, face units */
    float inside[3], lip[3];
    float unit, half_width, seam, scale;
} Mouth;

/* One frame's mouth: the face's plane (see `LipWarp`) as place = inverse (pixel - origin). */
typedef struct {
    float origin[2], inverse[4], front, jaw, jaw_side, light;
} MouthPose;

#define EDGE_PX 1.4f
#define JAW_TEETH 0.235f
#define JAW_TONGUE 0.165f
#define SIDE 0.07f
#define MOUTH_SHADOW 0.035f
#define BITE 0.035f
#define MOIST_REACH 0.040f
#define MOIST 0.75f
#define APART 0.10f
#define SEAM_PX 1.1f
#define SEAM_DARK 0.45f

static inline void sprite_at(const Mouth *mouth, int index, float x, float y, float *out) {
    float half = (float)mouth->sprite * 0.5f;
    const float *sprite = mouth->teeth + (size_t)index * mouth->sprite * mouth->sprite * 4;
    look_up(sprite, mouth->sprite, mouth->sprite, 4, 4, (x / mouth->reach + 1.0f) * half - 0.5f,
            (y / mouth->reach + 1.0f) * half - 0.5f, out);
}

static inline void lay_over(float *colour, const float *sprite, float shade, float light) {
    for (int c = 0; c < 3; c++) colour[c] = mix(colour[c], sprite[c] * shade, sprite[3] * light);
}

static void moist_lip(const Mouth *mouth, float x, float y, float inside, float other,
                      float *out) {
    look_up(mouth->picture, mouth->size, mouth->size, 3, 3, x, y, out);
    float near = square(most(1.0f - square(inside / (MOIST_REACH * mouth->unit)), 0.0f));
    float gap = -other - most(inside, 0.0f);
    float share = MOIST * near * clamped(gap / (APART * mouth->unit), 0.0f, 1.0f);
    for (int c = 0; c < 3; c++) out[c] = mix(out[c], mouth->lip[c], share);
}

/* mouth.py: draw_mouth at one pixel; `upper` and `lower` are x, y of the source, and the
 * distance inside that lip. */
static void mouth_point(const Mouth *mouth, const MouthPose *pose, const float *upper,
                        const float *lower, float px, float py, float *colour) {
    float above = upper[2], below = lower[2];
    float alpha_upper = clamped(above / (EDGE_PX * mouth->scale) + 0.5f, 0.0f, 1.0f);
    float alpha_lower = clamped(below / (EDGE_PX * mouth->scale) + 0.5f, 0.0f, 1.0f);
    float lip[3];
    if (alpha_upper < 1.0f && (alpha_lower < 1.0f || pose->front > 0.0f)) {
        float x = px - pose->origin[0], y = py - pose->origin[1];
        float across = pose->inverse[0] * x + pose->inverse[1] * y;
        float down = pose->inverse[2] * x + pose->inverse[3] * y;
        float off = fabsf(across) / mouth->half_width, side = SIDE * pose->jaw_side;
        float teeth[4], jaw[4], tongue[4];
        sprite_at(mouth, 0, across, down, teeth);
        sprite_at(mouth, 1, across - side, down - JAW_TEETH * pose->jaw, jaw);
        sprite_at(mouth, 2, across - side, down - JAW_TONGUE * pose->jaw, tongue);
        float shadow = clamped(-above / (MOUTH_SHADOW * mouth->unit), 0.0f, 1.0f);
        float rim = clamped(-below / (MOUTH_SHADOW * mouth->unit), 0.0f, 1.0f);
        float corners = clamped(1.1f - 0.6f * off * off * off, 0.45f, 1.0f);
        for (int c = 0; c < 3; c++) colour[c] = mouth->inside[c] * (0.55f + 0.45f * rim);
        lay_over(colour, tongue, (0.3f + 0.4f * shadow) * (0.5f + 0.5f * rim), pose->light);
        lay_over(colour, jaw, (0.35f + 0.5f * shadow) * (0.7f + 0.3f * rim), pose->light);
        lay_over(colour, teeth, corners * (0.8f + 0.2f * shadow) * (0.86f + 0.14f * rim),
                 pose->light);
        float bite = (BITE - (-above / mouth->unit - BITE) * 1.5f) / BITE;
        float front = pose->front * clamped(1.3f - 1.5f * off, 0.0f, 1.0f);
        alpha_lower *= 1.0f - front * clamped(bite, 0.0f, 1.0f) * teeth[3];
    } else {
        colour[0] = colour[1] = colour[2] = 0.0f;
    }
    if (alpha_upper < 1.0f && alpha_lower > 0.0f) {
        moist_lip(mouth, lower[0], lower[1], below, above, lip);
        for (int c = 0; c < 3; c++) colour[c] = mix(colour[c], lip[c], alpha_lower);
    }
    if (alpha_upper > 0.0f) {
        moist_lip(mouth, upper[0], upper[1], above, below, lip);
        for (int c = 0; c < 3; c++) colour[c] = mix(colour[c], lip[c], alpha_upper);
    }
    if (mouth->seam > 0.0f) {
        float apart = (above * above + below * below) / square(SEAM_PX * mouth->scale);
        float dark = 1.0f - SEAM_DARK * mouth->seam * expf(-apart * 0.5f);
        for (int c = 0; c < 3; c++) colour[c] *= dark;
    }
}

/* painter.py: TorchPainter.add_mouth into one frame [size, size, 3], see `put`. */
void rig_mouth(const Mouth *mouth, const MouthPose *pose, const Window *window,
               const float *upper_lip, const float *lower_lip, uint8_t *bytes, float *levels) {
    float cell = (float)window->cell, reach = MOIST_REACH * mouth->unit;
    ptrdiff_t other = lower_lip - upper_lip;
    for (int i = 0; i < window->height * window->cell; i++) {
        int top, bottom, left, right;
        float down, across;
        between(i, cell, window->height, &top, &bottom, &down);
        const float *high = upper_lip + 3 * top * window->width;
        const float *deep = upper_lip + 3 * bottom * window->width;
        for (int j = 0; j < window->width * window->cell; j++) {
            between(j, cell, window->width, &left, &right, &across);
            const float *a = high + 3 * left, *b = high + 3 * right;
            const float *c = deep + 3 * left, *d = deep + 3 * right;
            float upper[3], lower[3], colour[3];
            upper[2] = enlarged(a, b, c, d, across, down, 2);
            if (!(upper[2] < reach)) continue;
            lower[2] = enlarged(a + other, b + other, c + other, d + other, across, down, 2);
            if (!(lower[2] < reach)) continue;
            float at[2] = {(float)(window->x + j), (float)(window->y + i)};
            for (int axis = 0; axis < 2; axis++) {
                upper[axis] = at[axis] + enlarged(a, b, c, d, across, down, axis);
                lower[axis] = at[axis] + enlarged(a + other, b + other, c + other, d + other,
                                                  across, down, axis);
            }
            mouth_point(mouth, pose, upper, lower, at[0], at[1], colour);
            size_t pixel = 3 * ((size_t)(window->y + i) * mouth->size + window->x + j);
            for (int k = 0; k < 3; k++) put(bytes, levels, pixel + k, colour[k]);
        }
    }
}
