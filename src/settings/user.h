/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_SETTINGS_USER_H
#define PEERVMA_SETTINGS_USER_H

#define PEERVMA_USER_VALUE_MAX 128

/** Who set a variable; the first that did counts. */
typedef enum peervma_user_source {
    PEERVMA_USER_NONE,
    PEERVMA_USER_ENVIRONMENT,
    PEERVMA_USER_FILE,   /**< of the user's, or of UCX */
    PEERVMA_USER_SYSTEM, /**< the system-wide file of Open MPI */
} peervma_user_source_t;

/** What a variable has been set to, before us. */
typedef struct peervma_user {
    const char *name; /**< as an environment variable */
    peervma_user_source_t source;
    char value[PEERVMA_USER_VALUE_MAX]; /**< cut off if longer */
} peervma_user_t;

/**
 * Find out who set the named variables, and to what.
 *
 * @param [in]     root   Prefix of the system-wide files' paths.
 * @param [in,out] users  `name` is given, the rest is filled in.
 * @param [in]     count  Of @a users.
 */
void peervma_user_look(const char *root, peervma_user_t *users, unsigned count);

#endif
