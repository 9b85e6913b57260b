// A microphone that plays the sound in sound.h, which firmware.py writes.
#ifndef PDM_H
#define PDM_H

struct Microphone {
  void onReceive(void (*function)());
  bool begin(int channels, long rate_hz);
  int available();
  int read(void *buffer, int bytes);
};
extern Microphone PDM;

#endif
