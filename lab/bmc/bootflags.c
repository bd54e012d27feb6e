/*
 * Boot options for ipmi_sim, which by itself forgets everything but the device.
 *
 * Keeps IPMI 2.0 section 28.12/28.13 parameter 5 (boot flags) in the file ARG, one line:
 *     <five bytes in hex> <expiry>
 * where expiry is a time of the boot clock in seconds, or 0. By the book a BMC drops the valid bit when no chassis control
 * follows within 60 s, unless parameter 3 has bit 3 set; expiry carries that to whoever boots the machine.
 *
 * Also takes cipher suite 0 (a login without a password) out of ipmi_sim's table, as an operator does on a real BMC:
 * its configuration has no word for that, and its limits of privilege go by privilege instead of suite.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

enum { SET_OPTIONS = 0x08, GET_OPTIONS = 0x09, CHASSIS = 0x00 };
enum { SET_IN_PROGRESS = 0, VALIDITY = 3, INFO_ACK = 4, FLAGS = 5 };
enum { OK = 0x00, UNSUPPORTED = 0x80, BAD_LENGTH = 0xc7, UNSPECIFIED = 0xff };
enum { VALID = 0x80, KEEP_VALID = 0x08, VALID_SECONDS = 60 };

struct suite { int auth, integ, conf; };
/* Of libIPMIlanserv; weak, so that one without it works as before. */
extern struct suite valid_cipher_suites[] __attribute__((weak));

static char path[4096];
static unsigned char in_progress, validity, info_ack[2];

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec;
}

static int store(const unsigned char *flags)
{
    char temporary[sizeof path + 8];
    long expiry = (flags[0] & VALID) && !(validity & KEEP_VALID) ? now() + VALID_SECONDS : 0;
    FILE *file;

    snprintf(temporary, sizeof temporary, "%s.new", path);
    file = fopen(temporary, "w");
    if (!file)
        return -1;
    fprintf(file, "%02x%02x%02x%02x%02x %ld\n", flags[0], flags[1], flags[2], flags[3], flags[4], expiry);
    if (fclose(file))
        return -1;
    return rename(temporary, path);
}

static void load(unsigned char *flags)
{
    unsigned int byte[5];
    long expiry;
    FILE *file = fopen(path, "r");

    memset(flags, 0, 5);
    if (!file)
        return;
    if (fscanf(file, "%2x%2x%2x%2x%2x %ld", byte, byte + 1, byte + 2, byte + 3, byte + 4, &expiry) == 6) {
        for (int i = 0; i < 5; i++)
            flags[i] = byte[i];
        if (expiry && now() > expiry)
            flags[0] &= ~VALID;
    }
    fclose(file);
}

static void set_options(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    (void)mc, (void)user;
    *length = 1;
    reply[0] = OK;
    if (msg->len < 1) {
        reply[0] = BAD_LENGTH;
        return;
    }
    switch (msg->data[0] & 0x7f) {
    case SET_IN_PROGRESS:
        if (msg->len >= 2)
            in_progress = msg->data[1] & 0x03;
        break;
    case VALIDITY:
        if (msg->len >= 2)
            validity = msg->data[1] & 0x1f;
        break;
    case INFO_ACK:
        if (msg->len >= 3)
            memcpy(info_ack, msg->data + 1, 2);
        break;
    case FLAGS:
        if (msg->len < 6)
            reply[0] = BAD_LENGTH;
        else if (store(msg->data + 1))
            reply[0] = UNSPECIFIED;
        break;
    default:
        reply[0] = UNSUPPORTED;
    }
}

static void get_options(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    (void)mc, (void)user;
    *length = 1;
    if (msg->len < 3) {
        reply[0] = BAD_LENGTH;
        return;
    }
    reply[0] = OK;
    reply[1] = 0x01;
    reply[2] = msg->data[0] & 0x7f;
    switch (reply[2]) {
    case SET_IN_PROGRESS:
        reply[3] = in_progress;
        *length = 4;
        break;
    case VALIDITY:
        reply[3] = validity;
        *length = 4;
        break;
    case INFO_ACK:
        memcpy(reply + 3, info_ack, 2);
        *length = 5;
        break;
    case FLAGS:
        load(reply + 3);
        *length = 8;
        break;
    default:
        reply[0] = UNSUPPORTED;
    }
}

/* In the place of suite 0 its table gets suite 3 a second time. */
static void close_suite_0(void)
{
    const struct suite none = { 0, 0, 0 }, suite_3 = { 1, 1, 1 };
    if (valid_cipher_suites && !memcmp(&valid_cipher_suites[0], &none, sizeof none))
        valid_cipher_suites[0] = suite_3;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys, (void)options;
    return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options)
{
    (void)sys;
    if (!options || strlen(options) >= sizeof path)
        return -1;
    strcpy(path, options);
    close_suite_0();
    return ipmi_emu_register_cmd_handler(CHASSIS, SET_OPTIONS, set_options, NULL)
        || ipmi_emu_register_cmd_handler(CHASSIS, GET_OPTIONS, get_options, NULL);
}
