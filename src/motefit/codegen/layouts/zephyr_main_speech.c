/* Runs the golden clip through the whole chain: the LED blinks once a second if the board computes
 * what Python computed, five times a second if it does not. Feed model_classify with sound from
 * dmic_read() or i2s_read() to listen.
 */
#include <zephyr/drivers/gpio.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "model.h"
#include "model_golden.h"

static const struct gpio_dt_spec led = GPIO_DT_SPEC_GET(DT_ALIAS(led0), gpios);
static int16_t clip[MODEL_SAMPLES];
static uint32_t state = 1;

/* -128 to 127; the generator of Numerical Recipes. */
static int32_t next_step(void)
{
    state = state * 1664525u + 1013904223u;
    return (int32_t)(state >> 24) - 128;
}

static int is_equal(void)
{
    float probabilities[MODEL_LABELS];
    int32_t wrong = 0;
    for (int32_t i = 0; i < GOLDEN_INPUTS * MODEL_INPUTS; i++) {
        (void)next_step();
    }
    for (int32_t i = 0; i < MODEL_SAMPLES; i++) {
        clip[i] = (int16_t)(next_step() * 16);
    }
    const int32_t label = model_classify(clip, MODEL_SAMPLES, probabilities);
    for (int32_t i = 0; i < MODEL_LABELS; i++) {
        const float gap = probabilities[i] - golden_probabilities[i];
        wrong += (gap < 0 ? -gap : gap) > 0.02f;
    }
    printk("noise sounds like %s\n", model_labels[label]);
    return wrong == 0;
}

int main(void)
{
    const int equal = is_equal();
    printk(equal ? "self-test passed\n" : "self-test FAILED\n");
    if (!gpio_is_ready_dt(&led) || gpio_pin_configure_dt(&led, GPIO_OUTPUT_ACTIVE) < 0) {
        return 1;
    }
    for (;;) {
        gpio_pin_toggle_dt(&led);
        k_msleep(equal ? 500 : 100);
    }
}
