/* Why a request is not answered as it was meant: what answer_fail says. Any thread. */
#ifndef BW_ADMIN_FAULT_H
#define BW_ADMIN_FAULT_H

/* All zero: there is none. The texts are constants. */
struct fault {
    unsigned status;
    const char *code, *message;
};

#endif
