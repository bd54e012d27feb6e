/*
 * Power restore policy for ipmi_sim, which by itself has none.
 *
 * Keeps the policy of IPMI 2.0 section 28.8 in the file ARG, one line with its number, and shows it in bits 6:5 of the
 * chassis status (section 28.2), which ipmi_sim goes on making in all else.
 */
#include <stdio.h>
#include <string.h>
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

enum { CHASSIS = 0x00, GET_STATUS = 0x01, SET_POLICY = 0x06 };
enum { OK = 0x00, BAD_LENGTH = 0xc7, INVALID = 0xcc, UNSPECIFIED = 0xff };
enum { NO_CHANGE = 3, ALL_POLICIES = 0x07 };

/* ipmi_sim's own table; weak, so that one without it stays as it is: with no such policy. */
extern cmd_handler_f chassis_netfn_handlers[] __attribute__((weak));

static char path[4096];
static cmd_handler_f status_without;

static int store(unsigned int policy)
{
    char temporary[sizeof path + 8];
    FILE *file;

    snprintf(temporary, sizeof temporary, "%s.new", path);
    file = fopen(temporary, "w");
    if (!file)
        return -1;
    fprintf(file, "%u\n", policy);
    if (fclose(file))
        return -1;
    return rename(temporary, path);
}

static unsigned int load(void)
{
    unsigned int policy = 0;
    FILE *file = fopen(path, "r");

    if (!file)
        return 0;
    if (fscanf(file, "%u", &policy) != 1 || policy >= NO_CHANGE)
        policy = 0;
    fclose(file);
    return policy;
}

static void get_status(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    status_without(mc, msg, reply, length, user);
    if (reply[0] == OK && *length > 1)
        reply[1] = (reply[1] & ~0x60) | load() << 5;
}

static void set_policy(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length, void *user)
{
    unsigned int policy;

    (void)mc, (void)user;
    *length = 1;
    if (msg->len < 1) {
        reply[0] = BAD_LENGTH;
        return;
    }
    policy = msg->data[0] & 0x07;
    if (policy > NO_CHANGE)
        reply[0] = INVALID;
    else if (policy != NO_CHANGE && store(policy))
        reply[0] = UNSPECIFIED;
    else {
        reply[0] = OK;
        reply[1] = ALL_POLICIES;
        *length = 2;
    }
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
    if (!chassis_netfn_handlers || !chassis_netfn_handlers[GET_STATUS])
        return 0;
    status_without = chassis_netfn_handlers[GET_STATUS];
    return ipmi_emu_register_cmd_handler(CHASSIS, GET_STATUS, get_status, NULL)
        || ipmi_emu_register_cmd_handler(CHASSIS, SET_POLICY, set_policy, NULL);
}
