#include "conf/model.h"
#include "conf/schema.h"

/* Machines that stand in for one another. */

#define IN_CLUSTER(field) .offset = offsetof(struct conf, cluster.field)

static const struct schema_option options[] = {
    {.section = SECTION_CLUSTER,
     .name = "name",
     .type = SCHEMA_NAME,
     .absent = "there is no cluster",
     .needs_restart = true,
     IN_CLUSTER(name),
     .help = "The cluster's name, as breakwaterctl cluster init gave it to the database."},
    {.section = SECTION_CLUSTER,
     .name = "node",
     .type = SCHEMA_NAME,
     .absent = "needed in a cluster",
     .needs_restart = true,
     IN_CLUSTER(node),
     .help = "This machine's name, which no other one of the cluster has."},
    {.section = SECTION_CLUSTER,
     .name = "database",
     .type = SCHEMA_DATABASE,
     .absent = "needed in a cluster",
     .needs_restart = true,
     IN_CLUSTER(database),
     .help = "The PostgreSQL database that all nodes share, with all its servers, so that the one "
             "that takes writes is found. A password does not belong here, but into the file that "
             "passfile names, or the server knows the node by a certificate (sslcert, sslkey). "
             "Over a network: sslmode=verify-full."},
    {.section = SECTION_CLUSTER,
     .name = "takeover-after",
     .type = SCHEMA_DURATION,
     .min = 10,
     .max = 3600,
     .fallback = "150s",
     .needs_restart = true,
     IN_CLUSTER(takeover_s),
     .help = "How long the node that acts must not have been heard before another one takes its "
             "place; the same on all nodes. It stops sending REGISTERs upstream by itself when it "
             "has not reached the database for four fifths of this time. Clocks of database "
             "servers that replace one another may differ by a fifteenth of it."},
};

const struct schema_table schema_of_cluster = {options, sizeof options / sizeof options[0]};
