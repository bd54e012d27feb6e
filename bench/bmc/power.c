/*
 * Chassis power for ipmi_sim in memory, so that what is measured is the client and not a shell script per request.
 *
 * Answers Get Chassis Status and Chassis Control (IPMI 2.0 sections 28.2 and 28.3) for every MC of the process; each
 * control is one byte in the file ARG/<two hex digits of the MC>, so that a bench can count what was carried out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

enum { CHASSIS = 0x00, GET_STATUS = 0x01, SET_CONTROL = 0x02 };
enum { OK = 0x00, BAD_LENGTH = 0xc7, UNSPECIFIED = 0xff };
enum { OFF = 0, ON = 1, CYCLE = 2, RESET = 3, SOFT = 5 };

static char folder[4000];
static unsigned char power[256];
static sys_data_t *simulator;

static unsigned char number_of(lmc_data_t *mc)
{
    return simulator->mc_get_ipmb(mc);
}

static void status(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    (void)msg, (void)user;
    memset(reply, 0, 4);
    reply[1] = power[number_of(mc)];
    *length = 4;
}

static int note(unsigned char mc, unsigned char control)
{
    char path[sizeof folder + 8];
    int file, written;

    snprintf(path, sizeof path, "%s/%02x", folder, mc);
    file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0)
        return -1;
    written = write(file, &control, 1);
    close(file);
    return written == 1 ? 0 : -1;
}

static void control(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    (void)user;
    *length = 1;
    reply[0] = OK;
    if (msg->len < 1) {
        reply[0] = BAD_LENGTH;
        return;
    }
    if (note(number_of(mc), msg->data[0])) {
        reply[0] = UNSPECIFIED;
        return;
    }
    switch (msg->data[0]) {
    case OFF:
    case SOFT:
        power[number_of(mc)] = 0;
        break;
    case ON:
    case CYCLE:
    case RESET:
        power[number_of(mc)] = 1;
    }
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys, (void)options;
    return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options)
{
    if (!options || strlen(options) >= sizeof folder)
        return -1;
    simulator = sys;
    strcpy(folder, options);
    return ipmi_emu_register_cmd_handler(CHASSIS, GET_STATUS, status, NULL)
        || ipmi_emu_register_cmd_handler(CHASSIS, SET_CONTROL, control, NULL);
}
