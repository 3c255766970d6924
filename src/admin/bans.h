/* /api/v1/bans: which addresses are banned, and an operator's own. Any thread. */
#ifndef BW_ADMIN_BANS_H
#define BW_ADMIN_BANS_H

#include "admin/api.h"

void bans_get(const struct api *a, const struct api_request *q, struct api_response *out);
void bans_post(const struct api *a, const struct api_request *q, struct api_response *out);
void bans_delete(const struct api *a, const struct api_request *q, struct api_response *out);

#endif
