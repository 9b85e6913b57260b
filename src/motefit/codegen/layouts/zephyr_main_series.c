/* Runs the golden window through the whole chain: the LED blinks once a second if the board
 * computes what Python computed, five times a second if it does not. Give model_forecast rows from
 * sensor_channel_get() to predict.
 */
#include <zephyr/drivers/gpio.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "model.h"
#include "model_golden.h"

static const struct gpio_dt_spec led = GPIO_DT_SPEC_GET(DT_ALIAS(led0), gpios);
static double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];

static int is_equal(void)
{
    int32_t wrong = 0;
    model_forecast(golden_window, GOLDEN_SECONDS, answers);
    for (int32_t i = 0; i < MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES; i++) {
        const double gap = answers[i] - golden_answers[i];
        const double size = golden_answers[i] < 0 ? -golden_answers[i] : golden_answers[i];
        wrong += (gap < 0 ? -gap : gap) > 1e-4 * (1.0 + size);
    }
    printk("%s in one step: %d\n", model_targets[0], (int)answers[MODEL_MEDIAN]);
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
