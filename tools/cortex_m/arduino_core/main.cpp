// Runs a sketch: setup once, then loop, with the LED and the serial port on standard output.
#include "Arduino.h"
#include "PDM.h"
#include "sound.h"

extern "C" {
void put_text(const char *text);
void put_number(uint32_t number);
void finish(int code);
}

static const unsigned long END_MS = 3000;
static const int END_MEASURED = 400;  // for sketches that measure
static const int BLOCK = 256;

static unsigned long now_ms = 0;
static int led = LOW, measured = 0;
static long played = 0, block = 0;
static void (*receive)() = nullptr;

SerialPort Serial;
Microphone PDM;

void pinMode(int, int) {}

void digitalWrite(int pin, int value) {
  if (pin == LED_BUILTIN && value != led) {
    led = value;
    put_text(value ? "led on at " : "led off at ");
    put_number(now_ms);
    put_text(" ms\n");
  }
}

// A day's temperature in ten-minute steps, in whole degrees.
int analogRead(int pin) { return (int)lround(10 + pin - A0 + 6 * sin(measured++ * 0.0436)); }

void delay(unsigned long ms) { now_ms += ms; }
unsigned long millis() { return now_ms; }
unsigned long micros() { return 1000 * now_ms; }
void noInterrupts() {}
void interrupts() {}

void SerialPort::begin(unsigned long) {}
void SerialPort::print(const char *text) { put_text(text); }

void SerialPort::print(long number) {
  if (number < 0) {
    put_text("-");
  }
  put_number((uint32_t)(number < 0 ? -number : number));
}

void SerialPort::print(double number) {
  const long hundredths = lround(100 * fabs(number));
  put_text(number < 0 ? "-" : "");
  put_number((uint32_t)(hundredths / 100));
  put_text(hundredths % 100 < 10 ? ".0" : ".");
  put_number((uint32_t)(hundredths % 100));
}

void Microphone::onReceive(void (*function)()) { receive = function; }
bool Microphone::begin(int channels, long rate_hz) { return channels == 1 && rate_hz == SOUND_HZ; }
int Microphone::available() { return (int)(2 * block); }

int Microphone::read(void *buffer, int bytes) {
  memcpy(buffer, sound + played, (size_t)bytes);
  played += bytes / 2;
  block -= bytes / 2;
  return bytes;
}

// Lets the microphone interrupt; returns whether the program goes on.
static bool advance() {
  if (receive == nullptr) {
    return measured ? measured < END_MEASURED : now_ms < END_MS;
  }
  if (played + BLOCK > SOUND_SAMPLES) {
    return false;
  }
  block = BLOCK;
  receive();
  now_ms = (unsigned long)(1000LL * played / SOUND_HZ);
  return true;
}

int main() {
  setup();
  while (advance()) {
    loop();
  }
  finish(0);
}
