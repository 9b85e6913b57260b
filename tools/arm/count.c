/* A QEMU plugin that counts executed instructions and says the count at marks.
 *
 * A mark is a system call that no program means: close(-12345). Each prints "count N" to standard
 * error, N being the instructions since the start. Counts repeat to the digit. The functions are
 * those of QEMU 7's qemu-plugin.h (API version 1), declared here so that no header is needed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
enum { MARK = -12345, CLOSE = 57, INLINE_ADD = 0 };

typedef uint64_t plugin_id;
struct tb;
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct tb *));
extern size_t qemu_plugin_tb_n_insns(const struct tb *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *, int, void *, uint64_t);
extern void qemu_plugin_register_vcpu_syscall_cb(
    plugin_id, void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t, uint64_t));

EXPORT int qemu_plugin_version = 1;
static uint64_t count;

static void translated(plugin_id id, struct tb *tb) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &count, qemu_plugin_tb_n_insns(tb));
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2,
                   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number == CLOSE && (int32_t)a1 == MARK)
    fprintf(stderr, "count %llu\n", (unsigned long long)count);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  return 0;
}
