/* A capture file of SIP messages, for Wireshark, tshark and sngrep: each message as an IP packet
 * with UDP, whatever transport it came by. One thread. */
#ifndef BW_CTL_PCAP_H
#define BW_CTL_PCAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/str.h"

struct pcap_message {
    uint64_t wall_us;
    struct addr from, to; /* of one family */
    struct str bytes;
};

/* The head of the file. False: it cannot be written. */
bool pcap_begin(FILE *f);

/* The whole is there when it returns; of a message that no datagram holds, as much as fits. False:
 * it cannot be written, or its ends are of two families. */
bool pcap_add(FILE *f, const struct pcap_message *m);

#endif
